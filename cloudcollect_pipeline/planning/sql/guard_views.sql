-- Fresh reads laid over the mirror: what was just read counts, everything else stands as mirrored.
create or replace temp view receivable_now as
select * exclude (n) from fresh_receivable
union all by name
select * exclude (valid_from, valid_to) from receivable r
where valid_to is null 
  and not exists (select 1 from fresh_receivable f where f.document_type = r.document_type and f.number = r.number);

create or replace temp view customer_now as
select * exclude (n, name, address, postal_code, city, email, phone) from fresh_customer
union all by name
select * exclude (valid_from, valid_to) from customer c 
where valid_to is null and not exists (select 1 from fresh_customer f where f.number = c.number);

create or replace temp view person_now as
select number as customer, name, address, postal_code, city, email, phone from fresh_customer
union all by name
select * from persons.person p 
where not exists (select 1 from fresh_customer f where f.number = p.customer);

create or replace temp view payment_now as
select * exclude (n) from fresh_payment
union all by name
select * exclude (valid_from, valid_to) from payment p
where valid_to is null 
  and not exists (select 1 from fresh_payment f where f.document_type = p.document_type and f.number = p.number);
