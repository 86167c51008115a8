-- How text becomes money, dates and moments. NULL means: not what it should be; the contract says so.
create or replace macro money(t) as
    case when regexp_full_match(t, '-?[0-9]{1,13}(\.[0-9]{1,2}0*)?') then try_cast(t as decimal(18, 2)) end;

create or replace macro day(t) as
    case when regexp_full_match(t, '\d{4}-\d{2}-\d{2}([T ].*)?') then try_cast(left(t, 10) as date) end;

-- A moment with an offset keeps it; one without is read in the given zone.
create or replace macro moment(t, zone) as
    case
        when regexp_matches(t, '(Z|[+-]\d{2}:?\d{2})$') then try_cast(t as timestamptz)
        else timezone(zone, try_cast(t as timestamp))
    end;
