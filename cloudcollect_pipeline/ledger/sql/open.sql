insert into {table} by name select {columns}, $version as valid_from, null as valid_to from changed;
