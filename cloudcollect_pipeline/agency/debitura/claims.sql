-- Words come as names (NeedsAdditionalDetails) or as descriptions (Needs Additional Details): only letters count.
with word as (
    select n, doc,
           lower(regexp_replace(coalesce(doc.lifecycle, ''), '[^A-Za-z]', '', 'g')) as lifecycle,
           lower(regexp_replace(coalesce(doc.closeCode, ''), '[^A-Za-z]', '', 'g')) as close_code,
           lower(regexp_replace(coalesce(doc.currentEngagementPhase, ''), '[^A-Za-z]', '', 'g')) as phase,
           lower(regexp_replace(coalesce(doc.disputeStatus, ''), '[^A-Za-z]', '', 'g')) as dispute,
           -- What we handed over says which document it is. A case of ours whose text was changed has none, and waits;
           -- one made by hand is taken to bear the invoice's number.
           regexp_extract(coalesce(doc.claimDescription, ''), '^(Invoice|DebitNote|OverdueCharge) (.+)$', 1) as named_type,
           regexp_extract(coalesce(doc.claimDescription, ''), '^(Invoice|DebitNote|OverdueCharge) (.+)$', 2) as named_number,
           regexp_full_match(coalesce(doc.creditorReference, ''), '[A-Z2-7]{15}') as ours
    from raw
)
select
    n,
    doc.id as claim_id,
    doc.creditorReference as reference,
    case when named_number <> '' then named_type when not ours then 'Invoice' end as document_type,
    case when named_number <> '' then named_number when not ours then coalesce(doc.creditorReference, doc.reference) end
        as document_number,
    doc.id as case_id,
    case
        when lifecycle in ('pendingcontractsigning', 'pendingverificationinternal', 'pendingverification', 'leads', 'collectingquotes', 'pendinggivingquote') then 'SUBMITTED'
        when lifecycle in ('needsadditionaldetails', 'moreinforequired', 'leadsquotegiven', 'pendingquoteselection', 'quotegiven') then 'NEEDS_INFO'
        when lifecycle in ('active', 'paused') then 'ACTIVE'
        when lifecycle = 'merged' then 'MERGED'
        when lifecycle = 'closed' and close_code = 'paid' then 'CLOSED'
        -- Never begun.
        when lifecycle = 'closed' and close_code in ('caseneverstarted', 'caseneverstartedinternal', 'invalidcasedata', 'noquotesreceived', 'quotesexpirednotaccepted') then 'REJECTED'
        -- Begun and given back with a rest, whoever ended it.
        when lifecycle = 'closed' and close_code in (
            'partiallypaid', 'withdrawnbyclient', 'disputedlegalactiondeclinedbyclient', 'settlementrejectedbyclient',
            'unresponsiveclient', 'debtorinsolventbankrupt', 'debtoruntraceable', 'statuteoflimitationsexpired',
            'prelegalexhaustednopayment', 'uneconomicaltopursue', 'other') then 'WITHDRAWN'
        else concat_ws(' ', doc.lifecycle, doc.closeCode)
    end as status,
    case phase
        when '' then null when 'prelegal' then 'DEMAND' when 'legal' then 'LEGAL' when 'enforcement' then 'ENFORCEMENT'
        else doc.currentEngagementPhase
    end as stage,
    case lifecycle when 'paused' then 'PAUSED' else 'NONE' end as hold,
    case
        when dispute = '' or dispute like 'no%' or dispute like 'dont%' then false
        when dispute like 'yes%' then true
    end as disputed,
    doc.currency as currency,
    money(doc.grossAmount) as principal,
    -- Where the buckets are not told, what remains is principal only as long as nothing was added.
    coalesce(money(doc.allocationOutstanding.principal), case when money(doc.totalAddedFees) = 0 then money(doc.remainder) end)
        as principal_open,
    moment(doc.dateCreated, 'UTC') as received_at,
    moment(coalesce(doc.dateUpdated, doc.dateCreated), 'UTC') as updated_at
from word
