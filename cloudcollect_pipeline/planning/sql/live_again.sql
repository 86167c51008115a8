-- A transfer that the agency does not list is no difference when another claim of the receivable is live.
delete from subledger_diff
where class = 'missing at agency'
  and (document_type, number) in (select (document_type, document_number) from our_claim where live);
