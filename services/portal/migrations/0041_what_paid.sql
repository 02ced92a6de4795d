-- What was paid by a transfer, or recorded by Support, says so from now on; so does what was before.
update payment set method = 'transfer' where gateway = 'transfer' and method = 'gateway';
insert into payment (account_id, payment_id, invoice_id, method, amount, currency, confirmed_at)
select f.account_id, f.payment_id, f.invoice_id, 'recorded', f.amount, i.currency, f.at
from invoice_payment f left join invoice i using (account_id, invoice_id)
where f.payment_id like 'recorded:%'
on conflict do nothing;
