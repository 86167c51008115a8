-- Claims just read laid over the mirrored ones.
create or replace temp view claim_now as
select * exclude (n) from fresh_claim
union all by name
select * exclude (valid_from, valid_to) from claim c
where valid_to is null and not exists (select 1 from fresh_claim f where f.claim_id = c.claim_id);
