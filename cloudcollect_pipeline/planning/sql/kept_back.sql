-- Whether anything is kept out of tonight's plan because it could not be read or understood.
select exists (from fence)
       or exists (from persons.set_aside s where not exists (select 1 from dismissed d where d.subject = s.feed || ' ' || s.key));
