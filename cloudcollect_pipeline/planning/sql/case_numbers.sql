-- The agency's case number of each claim.
select c.claim_id, k.number from claim_now c join agency_case_now k using (case_id) order by c.claim_id;
