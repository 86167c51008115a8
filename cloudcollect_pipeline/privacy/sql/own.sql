-- What stands in a column of one person and of nobody else.
select mine.{column} as word from persons.person mine
where mine.customer = $1 and mine.{column} is not null
  and not exists (select 1 from persons.person other where other.customer <> $1 and other.{column} = mine.{column});
