update {table} as known set valid_to = $version
from changed where ({known_key}) = ({changed_key}) and known.valid_to is null;
