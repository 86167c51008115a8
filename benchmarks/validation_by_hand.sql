-- The contract of receivables as somebody would write it for this one table: every failing row with the rules it fails.
create temp table failures as
select n, unnest(list_filter([
    case when document_type is null or document_type not in ('Invoice', 'DebitNote', 'OverdueCharge') then 'document_type' end,
    case when number is null or not regexp_full_match(number, '[^\s{\[][^\x00-\x1f]*') then 'number' end,
    case when customer is null or not regexp_full_match(customer, '[^\s{\[][^\x00-\x1f]*') then 'customer' end,
    case when status is null or status not in ('Hold', 'Balanced', 'Open', 'Closed', 'Voided') then 'status' end,
    case when document_date is null then 'document_date' end,
    case when due_date is null then 'due_date' end,
    case when currency is null or not regexp_full_match(currency, '[A-Z]{3}') then 'currency' end,
    case when amount is null or amount < 0 then 'amount' end,
    case when balance is null or balance < 0 then 'balance' end,
    case when balance > amount then 'balance is larger than amount' end,
    case when excluded is null then 'excluded' end,
    case when revoked is null then 'revoked' end
], lambda rule: rule is not null)) as rule
from staged_receivable;
