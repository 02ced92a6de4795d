-- name: find_payments
-- An account's payments, newest first, from a place on.
select payment_id, order_id, invoice_id, method, amount, currency, gateway, url, pay_until, reason,
       top_up, at, state
from payment_state
where account_id = $1 and at is not null
  and ($2::timestamptz is null or (at, payment_id) < ($2, $3::text))
order by at desc, payment_id desc
limit $4;

-- name: find_open_payments
-- Payments that wait for their payer.
select payment_id, order_id, invoice_id, method, amount, currency, gateway, url, pay_until
from payment_state
where account_id = $1 and state = 'open' and url is not null
  and (order_id = $2 or invoice_id = $3 or payment_id = $4)
order by requested_at;
