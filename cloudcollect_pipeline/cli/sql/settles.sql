-- What one payment settles: per receivable its net, what counted before the transfer, and what was reported of it.
select l.receivable_type || ' ' || l.receivable_number as document, sum(l.paid + l.write_off) as net,
       any_value(c.claim_id) as claim_id,
       coalesce(max(try_cast(json_extract_string(t.details, '/baseline/' || replace(replace($document_type || ' ' || $number, '~', '~0'), '/', '~1')) as bigint)), 0) as baseline,
       coalesce(max(told.reported), 0) as reported
from payment_line l
left join our_claim c on c.document_type = l.receivable_type and c.document_number = l.receivable_number and c.live
left join effect t on t.reference = c.reference and t.kind = 'transfer'
left join (
    select json_extract_string(details, '$.claim_id') as claim_id, sum(amount) as reported
    from effect
    where kind = 'reduction' and state = 'confirmed'
      and json_extract_string(details, '$.document_type') = $document_type and json_extract_string(details, '$.number') = $number
    group by all
) told on told.claim_id = c.claim_id
where l.document_type = $document_type and l.number = $number
group by l.receivable_type, l.receivable_number
order by 1;
