-- Transfers that were made or may have been.
select reference, document from effect
where kind = 'transfer' and state in ('intent', 'uncertain', 'created', 'quarantined', 'confirmed')
order by document, reference;
