-- Receivables that more than one claim of ours goes on about, here or at another agency of the same creditor: one that
-- the agency has given back and takes up again after another was made.
select document, string_agg(claim, ', ' order by claim) as claims, sum(principal_open) as principal_open
from (
    select document, claim_id || ' here' as claim, principal_open from our_claim
    where live and claim_id not in (select claim_id from claim_over)
    union all
    select document, 'a claim at another agency', 0 from elsewhere where live
)
group by document
having count(*) > 1 and bool_or(claim <> 'a claim at another agency')
order by document;
