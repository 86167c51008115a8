-- What stands in a column of one person and of nobody else, and whether it is part of anything that another one has.
select trim(mine.{column}) as word,
       exists (
           select 1 from persons.person other
           where other.customer <> $1
             and contains(
                 lower(concat_ws(' | ', other.name, other.address, other.email, other.phone)), lower(trim(mine.{column}))
             )
       ) as in_others
from persons.person mine
where mine.customer = $1 and mine.{column} is not null
  and not exists (select 1 from persons.person other where other.customer <> $1 and other.{column} = mine.{column});
