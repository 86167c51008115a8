-- Receivables that another agency of the same creditor has, or had.
create or replace temp table elsewhere as
select unnest(cast($documents as varchar[])) as document, unnest(cast($live as boolean[])) as live,
       unnest(cast($case_numbers as varchar[])) as case_number, unnest(cast($given_back as boolean[])) as given_back;
