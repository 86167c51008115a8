-- What names a customer's person, the longest first.
select word from (
    select unnest([name, address, city, email, phone]) as word from persons.person where customer = $customer
)
where length(trim(word)) > 2
order by length(word) desc, word;
