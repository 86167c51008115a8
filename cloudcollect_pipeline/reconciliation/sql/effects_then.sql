-- Effects as the journal knew them at the cut; what they are about does not change.
insert into effect_then by name
select now.reference, now.kind, now.source, now.ordinal, now.chain, t.state, t.party, t.document, t.account,
       t.currency, t.amount, t.remote_id, t.details, t.night, t.seq
from state_then t join {ledger}.effect now using (reference);
