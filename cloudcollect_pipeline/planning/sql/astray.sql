-- Postings of ours on other cash accounts than the suspense account's, by account.
select coalesce(cash_account, '') as cash_account, count(*) as n, sum(amount) as amount,
       list(number order by number)[:5] as numbers
from own_posting
where astray
group by all
order by 1;
