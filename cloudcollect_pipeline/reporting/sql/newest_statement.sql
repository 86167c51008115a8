select body from statement order by night desc, seq desc limit 1;
