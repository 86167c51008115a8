-- Beside each record just read that breaks its contract, what is mirrored of it: that stands once the broken one is left
-- out.
insert into {table} by name
select {columns}, broken.n
from (select {columns} from {mirrored} where valid_to is null) mirrored
join (select {keys}, n from {table} where {breaks}) broken using ({keys});
