-- What of a text names a person, the longest first: anybody's name, address and numbers, the debtor's also in part.
with word as (
    select unnest([name, address, email, phone]) as word from persons.person
    union all
    select unnest(list_append(string_split(name, ' '), city)) from persons.person where customer = $customer
)
select word from word
where length(trim(word)) > 2 and contains(lower($text), lower(word))
group by word
order by length(word) desc, word;
