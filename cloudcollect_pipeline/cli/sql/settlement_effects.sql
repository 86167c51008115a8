-- The vouchers of one settlement: booked and taken back.
select * from effect where kind = 'settlement' and starts_with(source, $number || ':') order by seq, reference;
