-- Of records just read that break their contract, those that a person dismissed, or all: the mirror's row stands then.
delete from {table}
where ({breaks}) and ($all or $feed || ' ' || {key} in (select subject from dismissed));
