-- Open receivables of live claims whose turn it is to be read by key though nothing told of a change: each has one turn
-- in seven nights, by a stable share of its name, and a turn that fell on a missed night is made up for. Without a last
-- sweep, or seven nights after it, it is everyone's turn. What is late could not be read on its turn.
select distinct c.document_type, c.document_number as number
from claim_now c
join effect e on e.reference = c.reference and e.kind = 'transfer' and e.state = 'confirmed'
left join receivable_now r on r.document_type = c.document_type and r.number = c.document_number
where c.status not in ('WITHDRAWN', 'REJECTED', 'MERGED') and c.hold <> 'RECALLED'
  and c.document_type in ('Invoice', 'DebitNote', 'OverdueCharge')
  and (r.status = 'Open' or c.principal_open <> 0)
  and (
      -- nights from the one after the last sweep to its turn
      (cast(md5_number(c.document_type || ' ' || c.document_number) % 7 as integer)
          + 7 - (cast($last as date) + 1 - date '2000-01-01') % 7) % 7 < cast($tonight as date) - cast($last as date)
      or $last is null
      or c.document_type || ' ' || c.document_number in (select unnest(cast($late as varchar[])))
  )
order by 1, 2;
