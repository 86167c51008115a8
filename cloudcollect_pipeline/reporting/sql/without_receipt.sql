-- What was sent and confirmed although the other side's id for it is not known.
select reference, kind, state, night, amount from effect
where state = 'confirmed' and intents > 0 and coalesce(remote_id, '') = ''
order by night, reference;
