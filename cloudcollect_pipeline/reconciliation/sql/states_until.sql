-- What effects that changed after an entry of the journal were at that entry.
select subject as reference, kind as state, data, max(seq) as seq
from event
where seq <= :seq and subject in (select reference from effect where seq > :seq)
  and kind in ('intent', 'confirmed', 'created', 'rejected', 'later', 'uncertain', 'quarantined', 'absent', 'dropped')
group by subject
order by subject;
