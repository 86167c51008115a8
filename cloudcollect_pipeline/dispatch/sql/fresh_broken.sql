-- Records just read that break their contract: nothing may be judged by them.
select {key} as key from {table} where {breaks} order by n;
