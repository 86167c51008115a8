create or replace temp view person_now as select * from persons.person;

-- Payments on the suspense account that no reference of ours explains (rules §3).
create or replace temp view foreign_suspense_payment as
select p.document_type, p.number, p.customer, p.amount, p.currency, p.status, p.reference
from payment_now p, policy
where p.cash_account = policy.suspense_cash_account and p.document_type in ('Payment', 'Prepayment')
  and p.status <> 'Voided'
  and not exists (select 1 from effect e where e.reference = p.reference and e.kind = 'posting');

-- Whose receivables such a payment may settle: its customer's, and those of the customers beneath.
create or replace temp view foreign_payer as
select customer from foreign_suspense_payment
union
select cu.number from foreign_suspense_payment f join customer_now cu on cu.parent = f.customer where f.customer <> '';

-- Claims that somebody handed over by hand for receivables issued before go-live: not ours to mirror.
create or replace temp view by_hand_claim as
select c.claim_id
from claim_now c
join claimed_receivable r on r.document_type = c.document_type and r.number = c.document_number, policy
where r.document_date < policy.go_live
  and not exists (select 1 from effect e where e.reference = c.reference and e.kind = 'transfer');

-- Principal that money received by the agency now carries, per original entry and claim: the entry with its reversals
-- and reallocations. A cancelled one carries nothing, which is what takes its posting back.
-- Claims are joined with their transfers here and not as `our_claim`, and receivables last: so it begins with the few.
create or replace temp view entry_principal as
select p.*, r.customer
from (
    select er.root, l.claim_id, c.document_type || ' ' || c.document_number as document, c.document_type,
           c.document_number, root.currency, root.value_date,
           coalesce(sum(l.amount) filter (not l.cancelled), 0) as carried
    from entry_line l
    join entry_root er using (entry_id)
    join entry_now root on root.entry_id = er.root
    join claim_now c on c.claim_id = l.claim_id
    join effect e on e.reference = c.reference and e.kind = 'transfer' and e.state = 'confirmed'
        and coalesce(e.remote_id, c.claim_id) = c.claim_id
    where root.received_by = 'AGENCY' and l.bucket = 'principal'
    group by all
) p
left join receivable_now r on r.document_type = p.document_type and r.number = p.document_number;

-- Principal that published settlements pay out: of what is ours to mirror, and of what stood in the account at go-live.
create or replace temp view due_line as
select l.settlement_id, l.entry_id, l.claim_id, l.amount
from settlement_line l
where l.bucket = 'principal' and l.status = 'PUBLISHED'
  and (exists (select 1 from opening_item o where o.entry_id = l.entry_id)
       or not exists (select 1 from by_hand_claim b where b.claim_id = l.claim_id));

-- Our postings as the ERP shows them, in any status. The reference makes them ours, whatever account they stand on.
create or replace temp view own_posting as
select e.source, e.ordinal, e.details, p.number, p.customer, p.reference, p.status, p.amount, p.lines, p.payment_date,
       p.cash_account, p.cash_account is distinct from policy.suspense_cash_account and p.status <> 'Voided' as astray
from payment_now p join effect e on e.reference = p.reference and e.kind = 'posting', policy
where p.document_type = 'Payment';

-- Customers with something to look at: everyone else is equal on both sides (the sum of all news is B − O).
create or replace temp view customer_to_plan as
select r.customer
from our_claim c join claimed_receivable r on r.document_type = c.document_type and r.number = c.document_number
where c.live and (r.balance <> c.principal_open or c.principal <> cast(c.transferred as decimal(18, 0)) * 0.01)
union
select desired.customer
from (select root, customer, sum(carried) as carried from entry_principal where customer is not null group by all) desired
left join (
    select source, sum(amount) as posted from own_posting where status in ('Open', 'Closed') group by source
) live on live.source = desired.root || ':' || desired.customer
where desired.carried <> coalesce(live.posted, 0)
union
-- Allocated otherwise than when it was posted, though the sum is the same.
select shared.customer
from (select root, customer, document, sum(carried) as carried from entry_principal where customer is not null group by all) shared
join own_posting o on o.source = shared.root || ':' || shared.customer and o.status in ('Open', 'Closed')
where json_exists(o.details, '$.carried')
  and coalesce(try_cast(json_extract_string(o.details, '/carried/' || replace(replace(shared.document, '~', '~0'), '/', '~1')) as bigint), 0)
      <> cast(shared.carried * 100 as bigint)
union
select customer from own_posting where status in ('Balanced', 'Hold')
union
select r.customer
from entry_line l join entry_now e using (entry_id) join our_claim c on c.claim_id = l.claim_id
join claimed_receivable r on r.document_type = c.document_type and r.number = c.document_number
where coalesce(e.received_by, 'CREDITOR') = 'CREDITOR' and e.kind <> 'CHARGE' and (l.cancelled or not exists (select 1 from effect f where f.reference = e.reference))
union
select r.customer
from (select receivable_type, receivable_number from payment_line where abs(write_off) > (select write_off_tolerance from policy)
      union
      select document_type, number from (select *, unnest(applications) as shown from claimed_receivable)
      where shown.document_type = 'WriteOff' and abs(shown.amount) > (select write_off_tolerance from policy)) written
join our_claim c on c.document_type = written.receivable_type and c.document_number = written.receivable_number
join claimed_receivable r on r.document_type = c.document_type and r.number = c.document_number
where c.live;
