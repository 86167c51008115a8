-- The least that a comparison of two tables can be: the join on the key, every compared column carried through it.
select count(*) filter (
    erp.number is null or agency.number is null or erp.balance is distinct from agency.balance
    or (erp.currency, erp.customer, erp.status) is not distinct from (agency.currency, agency.customer, agency.status))
from bare_receivable erp
full outer join bare_claim agency on agency.document_type = erp.document_type and agency.number = erp.number
