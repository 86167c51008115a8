-- How text becomes money, dates and moments. NULL means: not what it should be; the contract says so.
create or replace macro money(t) as
    case when regexp_full_match(t, '-?[0-9]{1,13}(\.[0-9]{1,2}0*)?') then try_cast(t as decimal(18, 2)) end;

-- Years before 1753 are what systems write where there is no date, and no calendar agrees on them.
create or replace macro day(t) as
    case when regexp_full_match(t, '\d{4}-\d{2}-\d{2}([T ].*)?') and t >= '1753' then try_cast(left(t, 10) as date) end;

-- A moment with an offset keeps it; one without is read in the given zone. The last year is left out: an offset could
-- carry it beyond all calendars.
create or replace macro moment(t, zone) as
    case
        when not regexp_matches(t, '^\d{4}-\d{2}-\d{2}([T ].*)?$') or t < '1753' or t >= '9999' then null
        when regexp_matches(t, '(Z|[+-]\d{2}:?\d{2})$') then try_cast(t as timestamptz)
        else timezone(zone, try_cast(t as timestamp))
    end;
