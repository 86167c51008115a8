-- Effects that have not changed since; the journal tells what the others were.
create or replace temp table effect as
select * from {ledger}.effect where seq <= (select seq from as_of);
