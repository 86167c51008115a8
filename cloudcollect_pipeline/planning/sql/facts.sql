-- What planning knows beside the mirrors: policy, people's answers, and what tonight fences off.
create or replace temp table policy as
select cast($tonight as date) as tonight, cast($latest_due_date as date) as latest_due_date,
       cast($time_barred_due_date as date) as time_barred_due_date, cast($go_live as date) as go_live,
       cast($min_dunning_level as integer) as min_dunning_level, cast($require_dunning as boolean) as require_dunning,
       cast($min_amount as decimal(18, 2)) as min_amount, cast($currencies as varchar[]) as currencies,
       cast($debit_notes as boolean) as debit_notes, cast($suspense_cash_account as varchar) as suspense_cash_account,
       cast($write_off_tolerance as decimal(18, 2)) as write_off_tolerance,
       cast($countries as varchar[]) as countries, cast($debtors as varchar) as debtors,
       cast($from_amount as decimal(18, 2)) as from_amount, cast($below_amount as decimal(18, 2)) as below_amount;
