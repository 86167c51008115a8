-- Payments that a person may still delete, and those that the ERP did not have on one of the last nights: what a single
-- answer left out comes back with the next one.
with of_late as (
    select min(version) as version
    from (select version, dense_rank() over (order by night desc) as nth from mirror_version where side = 'erp')
    where nth <= $nights
)
select document_type, number, valid_to is null as mirrored
from payment p, of_late
where status in ('Hold', 'Balanced')
  and (valid_to is null or valid_to >= of_late.version)
  and not exists (
      select 1 from payment later
      where later.document_type = p.document_type and later.number = p.number and later.valid_from >= p.valid_to
  )
order by 1, 2;
