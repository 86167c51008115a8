-- Sent by a run that the journal has forgotten: claims and payments prove themselves in the mirrors of the night, a
-- voucher by the movement that was read from the general ledger.
insert into effect_then
select e.* from {ledger}.effect e
where e.reference in (select unnest(cast($references as varchar[])))
  and (e.kind in ('transfer', 'posting')
       or (e.kind = 'settlement' and exists (
           select 1 from {ledger}.suspense_movement m
           where m.module = 'GL' and m.document = e.remote_id and m.first_known_night <= (select night from as_of))));
