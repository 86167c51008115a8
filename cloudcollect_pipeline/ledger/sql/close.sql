update {table} as known set valid_to = $version from changed where known.rowid = changed.known_row;
