-- Everything the rules ask about, one row per receivable in `subject`. The plan fills `subject` with open documents
-- and reads the mirror; the guard fills it with a handful of keys and lays fresh reads over the `_now` views.
create or replace temp view candidate as
with payer as (
    -- Whose money may settle a receivable: its customer's, and that of the customer's parent.
    select customer, customer as payer from subject
    union
    select s.customer, cu.parent from subject s join customer_now cu on cu.number = s.customer where cu.parent <> ''
),
unapplied as (
    select payer.customer, sum(credit) as credit
    from (
        select customer, balance as credit
        from payment_now
        where status = 'Open' and balance > 0 and document_type in ('Payment', 'Prepayment', 'CreditNote')
        union all
        -- Money that somebody has registered and not yet released: what it names, NO_UNRELEASED holds back.
        select customer, amount - coalesce(list_sum(list_transform(lines, lambda line: line.amount)), 0)
        from payment_now
        where status in ('Hold', 'Balanced') and document_type in ('Payment', 'Prepayment', 'CreditNote')
          and not exists (select 1 from effect e where e.kind = 'posting' and e.reference = payment_now.reference)
        union all
        -- What we post and do not yet see as posted may be more than is owed when it is.
        select e.party, cast(e.amount as decimal(18, 0)) * 0.01
        from effect e
        where e.kind = 'posting' and e.state in ('intent', 'uncertain', 'created')
          and not exists (select 1 from payment_now p where p.reference = e.reference and p.status in ('Open', 'Closed', 'Voided'))
    ) money (customer, credit)
    join payer on payer.payer = money.customer
    where credit > 0
    group by payer.customer
),
-- A void of a payment too: once released, it opens again what the payment settles.
unreleased as (
    select distinct line.document_type as receivable_type, line.number as receivable_number
    from (select unnest(lines) as line from payment_now where status in ('Hold', 'Balanced'))
),
claims as (
    select document_type, document_number,
           -- A merged claim goes on in another one: its receivable is still at the agency.
           count(*) filter (status not in ('WITHDRAWN', 'REJECTED') and hold <> 'RECALLED') as live,
           count(*) filter (status in ('WITHDRAWN', 'REJECTED') or hold = 'RECALLED') as past,
           sum(principal) filter (status not in ('WITHDRAWN', 'REJECTED') and hold <> 'RECALLED') as principal,
           coalesce(bool_or(disputed and status not in ('WITHDRAWN', 'REJECTED', 'MERGED')), false) as disputed,
           coalesce(bool_or(disputed and status in ('WITHDRAWN', 'REJECTED')), false) as disputed_before
    from claim_now c semi join subject r on r.document_type = c.document_type and r.number = c.document_number
    group by all
),
pending as (
    select e.document, count(*) as transfers
    from effect e
    where e.kind = 'transfer' and e.document in (select document_type || ' ' || number from subject)
      and (e.state in ('intent', 'uncertain', 'created', 'quarantined')
           or (e.state = 'confirmed' and not exists (select 1 from claim_now c where c.reference = e.reference)))
    group by e.document
),
over as (
    select distinct c.document_type, c.document_number, k.number
    from claim_now c join agency_case_now k using (case_id)
    semi join subject r on r.document_type = c.document_type and r.number = c.document_number
    where c.status in ('WITHDRAWN', 'REJECTED', 'MERGED') or c.hold = 'RECALLED'
),
kids as (
    select distinct other.kid
    from claimed_receivable other
    semi join (from claim_now where status not in ('WITHDRAWN', 'REJECTED') and hold <> 'RECALLED') live
        on live.document_type = other.document_type and live.document_number = other.number
    where other.kid <> '' and other.kid in (select kid from subject)
),
-- What credit notes and write-offs have settled, since they were handed over, of receivables that are at the agency and
-- paid up: what each document had settled before stands in the transfer, and is no part of the claim.
handed_over as (
    select e.document, arg_max(e.details, e.ordinal) as details
    from effect e
    join claim_now c on c.reference = e.reference and c.status not in ('WITHDRAWN', 'REJECTED') and c.hold <> 'RECALLED'
    where e.kind = 'transfer'
      and e.document in (select document_type || ' ' || number from subject where balance = 0)
    group by e.document
),
settled as (
    select a.*, coalesce(try_cast(json_extract_string(h.details, '/baseline/' || replace(replace(
               a.document_type || ' ' || a.number, '~', '~0'), '/', '~1')) as decimal(18, 0)), 0) * 0.01 as before
    from application a
    join handed_over h on h.document = a.receivable_type || ' ' || a.receivable_number
),
made_up as (
    select receivable_type, receivable_number, sum(paid - before) filter (document_type = 'CreditNote') as credited,
           sum(write_off - least(greatest(write_off, 0), before)) as written_off
    from settled
    group by all
)
select r.*,
       coalesce(cu.excluded, false) as customer_excluded,
       coalesce(cu.business, true) as business,
       cu.country,
       elsewhere.live is true as elsewhere,
       coalesce(claims.live, 0) as live_claims,
       coalesce(claims.past, 0) + coalesce(elsewhere.given_back, 0) as past_claims,
       coalesce(claims.disputed, false) as disputed,
       coalesce(claims.disputed_before, false) as disputed_before,
       coalesce(pending.transfers, 0) as pending_transfers,
       held.subject is not null or held_customer.subject is not null as on_hold,
       coalesce(unapplied.credit, 0) as unapplied_credit,
       coalesce(made_up.credited >= claims.principal, false) as credited_in_full,
       coalesce(made_up.written_off >= claims.principal, false) as written_off_in_full,
       unreleased.receivable_number is not null as has_unreleased,
       over.number is not null or left_there.number is not null as case_is_over,
       kids.kid is not null and coalesce(claims.live, 0) = 0 as kid_at_agency,
       coalesce(length(trim(person.name)) > 0 and length(trim(person.address)) > 0
                and length(trim(person.postal_code)) > 0 and length(trim(person.city)) > 0, false) as debtor_complete,
       approved.subject is not null as episode_approved,
       foreign_payment.customer is not null as has_foreign_payment,
       fenced.receivable is not null or fenced_customer.customer is not null or cu.number is null
           or (select bool_or(everything) from fence) is true as fenced
from subject r
left join customer_now cu on cu.number = r.customer
left join person_now person on person.customer = r.customer
left join claims on claims.document_type = r.document_type and claims.document_number = r.number
left join pending on pending.document = r.document_type || ' ' || r.number
left join hold_now held on held.subject = r.document_type || ' ' || r.number
left join hold_now held_customer on held_customer.subject = 'customer ' || r.customer
left join unapplied on unapplied.customer = r.customer
left join made_up on made_up.receivable_type = r.document_type and made_up.receivable_number = r.number
left join unreleased on unreleased.receivable_type = r.document_type and unreleased.receivable_number = r.number
left join over on over.document_type = r.document_type and over.document_number = r.number and over.number = r.case_number
left join (
    select document, bool_or(live) as live, count(*) filter (given_back) as given_back from elsewhere group by document
) elsewhere on elsewhere.document = r.document_type || ' ' || r.number
left join (
    select document, case_number as number from elsewhere where not live and case_number is not null group by all
) left_there on left_there.document = r.document_type || ' ' || r.number and left_there.number = r.case_number
left join kids on kids.kid = r.kid
left join episode_approved approved
    on approved.subject = r.document_type || ' ' || r.number || ' episode '
        || (coalesce(claims.past, 0) + coalesce(elsewhere.given_back, 0) + 1)
left join (select distinct customer from foreign_payer) foreign_payment on foreign_payment.customer = r.customer
left join (select distinct receivable from fence where receivable is not null) fenced
    on fenced.receivable = r.document_type || ' ' || r.number
left join (select distinct customer from fence where customer is not null) fenced_customer
    on fenced_customer.customer = r.customer;
