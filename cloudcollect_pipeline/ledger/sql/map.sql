-- Landed records as canonical columns of their table's types, by the adapter's mapping; `n` is the line in the spool.
create or replace temp table {into} as
with raw as (
    select n, doc, filename as spool
    from read_json($paths, format = 'newline_delimited', ignore_errors = true, filename = true,
                   maximum_object_size = 67108864,
                   columns = {{n: 'BIGINT', doc: 'STRUCT({struct})', odd: 'VARCHAR'}})
),
mapped as ({mapping})
select * replace ({typed}) from mapped where n is not null;
