-- The rows of a mirrored table that count: the present, or what was known at an earlier version. Temporary, so that a
-- guard can put fresh reads in their place.
create or replace temp view {table}_now as select * exclude (valid_from, valid_to) from {table} where {known};
