-- Claims by id that were made before tonight, and not long ago, of which no list has told: one that lagged for longer than
-- it is read back never will.
select e.remote_id as id
from effect e
where e.kind = 'transfer' and e.state = 'confirmed' and e.night >= $since and e.night < $night
  and e.remote_id not in (select claim_id from claim_now)
order by id;
