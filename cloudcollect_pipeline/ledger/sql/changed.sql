-- Rows of the delta that are new or differ from what is known, one per key: the cost of a night is its changes.
create or replace temp table changed as
select staged.* from staged_{table} staged
left join {table} known on ({known_key}) = ({staged_key}) and known.valid_to is null
where known.{first_key} is null or row({known_columns}) is distinct from row({staged_columns});
