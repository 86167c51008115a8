-- Effects that the journal first heard of after an entry, and then as done already: a run it has forgotten sent them.
select subject as reference, kind as state, min(seq) as seq
from event
where subject in (select reference from effect where seq > :seq)
  and kind in ('intent', 'confirmed', 'created', 'rejected', 'later', 'uncertain', 'quarantined', 'absent', 'dropped')
group by subject
having min(seq) > :seq and kind in ('confirmed', 'created')
order by subject;
