-- A list is unnested in a select of its own: beside its table DuckDB would join the two again.

-- What every paying document has settled of every receivable, net. A voided document counts as nothing and its
-- VoidPayment is left out: the rows of both would cancel, whichever way the ERP lists them (rules §4).
create or replace temp view payment_line as
select p.document_type, p.number, p.customer, p.status, p.reference, p.cash_account, p.payment_date,
       line.document_type as receivable_type, line.number as receivable_number,
       case when p.document_type = 'WriteOff' then 0 else coalesce(line.amount, 0) + coalesce(line.discount, 0) end as paid,
       case when p.document_type = 'WriteOff' then coalesce(line.amount, 0) + coalesce(line.discount, 0) else 0 end
           + coalesce(line.write_off, 0) as write_off
from (select *, unnest(lines) as line from payment_now) p
where p.document_type not in ('VoidPayment', 'Refund');

create or replace temp view application as
select receivable_type, receivable_number, document_type, number, any_value(reference) as reference,
       any_value(cash_account) as cash_account, min(payment_date) as payment_date,
       sum(paid) as paid, sum(write_off) as write_off
from payment_line
where status in ('Open', 'Closed')
group by all
union all
-- Documents that only the invoice itself shows, such as small write-offs.
select r.document_type, r.number, shown.document_type, shown.number, any_value(shown.reference), null,
       min(shown.application_date),
       coalesce(sum(coalesce(shown.amount, 0) + coalesce(shown.discount, 0)) filter (shown.document_type <> 'WriteOff'), 0),
       coalesce(sum(coalesce(shown.amount, 0) + coalesce(shown.discount, 0)) filter (shown.document_type = 'WriteOff'), 0)
from (select *, unnest(applications) as shown from receivable_now) r
where shown.released and not coalesce(shown.voided, false) and shown.document_type not in ('VoidPayment', 'Refund')
  and not exists (select 1 from payment_now p where p.document_type = shown.document_type and p.number = shown.number)
group by r.document_type, r.number, shown.document_type, shown.number;

create or replace temp view entry_line as
select e.entry_id, coalesce(e.reverses, e.entry_id) as parent, e.kind, e.received_by, e.reference, e.value_date, e.currency,
       e.recorded_at, e.source_document_type, e.source_document_number, e.cancelled, line.claim_id, line.bucket, line.amount
from (select *, unnest(lines) as line from entry_now) e;

create or replace temp view settlement_line as
select s.settlement_id, s.status, s.booking_date, line.entry_id, line.claim_id, line.bucket, line.amount, line.vat
from (select *, unnest(lines) as line from settlement_now) s;

-- The original entry that a reversal, or a reversal of a reallocation, goes back to.
create or replace temp view entry_root as
with recursive up(entry_id, root, depth) as (
    select entry_id, reverses, 1 from entry_now where reverses is not null
    union all
    select up.entry_id, parent.reverses, depth + 1
    from up join entry_now parent on parent.entry_id = up.root
    where parent.reverses is not null and depth < 16
)
select entry_id, arg_max(root, depth) as root from up group by entry_id
union all
select entry_id, entry_id from entry_now where reverses is null;

-- Claims that nobody works on any more. A merged one goes on in another; a closed one is over unless something is left.
create or replace temp view claim_over as
select claim_id from claim_now
where status in ('REJECTED', 'WITHDRAWN') or hold = 'RECALLED' or (status = 'CLOSED' and principal_open = 0);
