-- The claim of every question kept for nothing: answered or not, its claim is over.
select claim_id from persons.question where claim_id in (from claim_over) order by question_id;
