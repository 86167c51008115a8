-- What the suspense account held at go-live, item by item, as the settings list it.
create or replace temp table opening_item as
select unnest(cast($entries as varchar[])) as entry_id, unnest(cast($customers as varchar[])) as customer,
       unnest(cast($amounts as decimal(18, 2)[])) as amount, unnest(cast($dates as date[])) as value_date;
