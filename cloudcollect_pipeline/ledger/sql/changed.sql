-- Rows of the delta that are new or differ from what is known, one per key, with the place of the row that they close.
-- The history is asked by its most telling column first, so that of all others only what is met is read; the condition
-- on the delta is always true, and what makes DuckDB filter the scan by its values.
create or replace temp table changed as
select staged.*, known.known_row
from staged_{table} staged
left join (
    select *, rowid as known_row from {table}
    where valid_to is null and {id} in (select {id} from staged_{table} where {id} <> '')
) known on {same_key}
where known.known_row is null or row({known_columns}) is distinct from row({staged_columns});
