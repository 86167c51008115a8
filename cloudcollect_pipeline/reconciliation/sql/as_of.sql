-- Effects that have not changed since, where they stand; what the journal tells of the others is laid beside them.
create or replace temp table effect_then as from {ledger}.effect limit 0;

create or replace temp view effect as
select * from {ledger}.effect where seq <= (select seq from as_of)
union all by name
select * from effect_then;
