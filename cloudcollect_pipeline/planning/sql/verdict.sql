-- What is judged tonight, filled from the candidates by `verdicts.sql`.
create or replace temp table verdict (
    document_type varchar, number varchar, document varchar, customer varchar, currency varchar,
    balance decimal(18, 2), amount decimal(18, 2), document_date date, due_date date, kid varchar,
    dunning_level integer, dunning_date date, past_claims bigint, live_claims bigint, disputed_before boolean,
    failed varchar[]
);
