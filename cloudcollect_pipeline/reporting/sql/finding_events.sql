-- What happened to findings until the next night began.
select seq, at, kind, subject, data from event
where kind in ('found', 'gone', 'due_again', 'resolved', 'ignored')
  and seq < coalesce((select min(seq) from night where night > :night), 9223372036854775807)
order by seq;
