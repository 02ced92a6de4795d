-- name: list_entries
-- A wallet's history, newest first, from a place on.
select event_id as entry_id, wallet, kind, amount, balance, held, available, reason, reference, at,
       coalesce(position, -1) as place
from wallet_entry
where account_id = $1 and wallet = $2
  and at >= coalesce($3::timestamptz, '-infinity') and at < coalesce($4::timestamptz, 'infinity')
  and (at, coalesce(position, -1), event_id)
    < (coalesce($5::timestamptz, 'infinity'), coalesce($6::bigint, 0), coalesce($7::text, ''))
order by at desc, coalesce(position, -1) desc, event_id desc
limit $8;

-- name: list_resources
-- An account's resources by id, from a place on.
select r.*, a.months as auto_renew_months
from resource r left join auto_renewal a using (account_id, resource_id)
where r.account_id = $1
  and ($2::text is null or r.state = $2) and ($3::text is null or r.product = $3)
  and r.resource_id > coalesce($4::text, '')
order by r.resource_id
limit $5;

-- name: list_orders
-- An account's orders, the latest first, from a place on.
with found as (
    select o.*, coalesce(placed_at, payment_asked_at, paid_at, confirmed_at, rejected_at,
                         cancelled_at, '2000-01-01 00:00:00+00') as first_at
    from order_state o where o.account_id = $1
)
select * from found
where ($2::text is null or state = $2) and ($3::text is null or action = $3)
  and first_at >= coalesce($4::timestamptz, '-infinity')
  and first_at < coalesce($5::timestamptz, 'infinity')
  and (first_at, order_id) < (coalesce($6::timestamptz, 'infinity'), coalesce($7::text, ''))
order by first_at desc, order_id desc
limit $8;

-- name: find_order
-- An order.
select *, coalesce(placed_at, payment_asked_at, paid_at, confirmed_at, rejected_at,
                   cancelled_at, '2000-01-01 00:00:00+00') as first_at
from order_state where account_id = $1 and order_id = $2;

-- name: find_items
-- The items of orders.
select order_id, item_id, resource_id, product, name, priced, done_at, failed_at, reason, given_back
from order_item where account_id = $1 and order_id = any($2::text[])
order by order_id, item_id;

-- name: list_payments
-- An account's payments, the latest first, from a place on.
with found as (
    select p.*, coalesce(requested_at, confirmed_at, failed_at, '2000-01-01 00:00:00+00') as first_at
    from payment_state p where p.account_id = $1
)
select * from found
where ($2::text is null or state = $2) and ($3::text is null or order_id = $3)
  and ($4::text is null or invoice_id = $4)
  and first_at >= coalesce($5::timestamptz, '-infinity')
  and first_at < coalesce($6::timestamptz, 'infinity')
  and (first_at, payment_id) < (coalesce($7::timestamptz, 'infinity'), coalesce($8::text, ''))
order by first_at desc, payment_id desc
limit $9;

-- name: find_payment
-- A payment.
select *, coalesce(requested_at, confirmed_at, failed_at, '2000-01-01 00:00:00+00') as first_at
from payment_state where account_id = $1 and payment_id = $2;

-- name: list_invoices
-- An account's invoices, the latest first, from a place on.
select i.*
from invoice_state i
where i.account_id = $1
  and ($2::text is null or i.status = $2) and ($3::text is null or i.resource_id = $3)
  and ($4::text is null or i.period = $4)
  and i.issued_at >= coalesce($5::timestamptz, '-infinity')
  and i.issued_at < coalesce($6::timestamptz, 'infinity')
  and (i.issued_at, i.invoice_id) < (coalesce($7::timestamptz, 'infinity'), coalesce($8::text, ''))
order by i.issued_at desc, i.invoice_id desc
limit $9;

-- name: find_invoice
-- An invoice with what is left of it.
select * from invoice_state where account_id = $1 and invoice_id = $2;

-- name: find_credit_notes
-- What corrects an invoice.
select credit_note_id, number, amount, net, vat, given_back, reason, at from credit_note
where account_id = $1 and invoice_id = $2
order by at, credit_note_id;

-- name: find_quote
-- What an order would cost, once it was answered.
select given from quote where account_id = $1 and quote_id = $2;

-- name: find_usage_report
-- What was used in a month, by the latest answer.
select request_id, until, given from usage_report where account_id = $1 and period = $2;

-- name: list_products
-- What is sold at a time, each by its policy in force.
select distinct on (product) product, name, refundable, expiry_policy, trash_days, actions
from product where effective_from <= $1
order by product, effective_from desc
limit 1000;

-- name: list_prices
-- What is paid for it in a currency, each by its price in force.
select distinct on (product, sku) product, sku, unit_price, currency, per, effective_from
from price where effective_from <= $1 and currency = $2
order by product, sku, effective_from desc
limit 10000;
