-- Tonight's differences, for readers.
create or replace table subledger_diff as from both_sides;
