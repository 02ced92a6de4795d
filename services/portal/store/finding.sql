-- name: find_by_words
-- Accounts by whatever is known of them: the beginning of an id or an e-mail address, words of a
-- name, or an order, a resource, an invoice or a payment. $1 what was typed, $2 its words to search.
with hit as (
    (select account_id, 'account' as by from account
     where account_id collate "C" >= $1 and account_id collate "C" < $1 || U&'\FFFD'
     order by account_id collate "C" limit $3)
    union all
    (select account_id, 'email' from account
     where lower(email) collate "C" >= lower($1) and lower(email) collate "C" < lower($1) || U&'\FFFD'
     order by lower(email) collate "C" limit $3)
    union all
    (select account_id, 'name' from account
     where $2 <> '' and to_tsvector('simple', coalesce(name, '')) @@ to_tsquery('simple', $2)
     limit $3)
    union all
    (select account_id, 'order' from placed_order where order_id = $1 limit $3)
    union all
    (select account_id, 'resource' from resource where resource_id = $1 limit $3)
    union all
    (select account_id, 'resource' from order_item where resource_id = $1 limit $3)
    union all
    (select account_id, 'invoice' from invoice where number = upper($1) or invoice_id = $1 limit $3)
    union all
    (select account_id, 'payment' from payment where payment_id = $1 limit $3)
)
select h.account_id, min(h.by) as by, a.name, a.email, coalesce(a.user_type, 'prepaid') as user_type,
       a.overdue_since
from hit h left join account a using (account_id)
group by h.account_id, a.name, a.email, a.user_type, a.overdue_since
order by lower(a.name), h.account_id
limit $3;

-- name: look
-- What waits for somebody.
select (select count(*) from reported_letter where conclusion is null and died_at is not null)
           as letters,
       (select count(*) from month_quarantine where not resolved) as quarantined;

-- name: find_latest_orders
-- What an account ordered lately.
select * from order_state where account_id = $1
order by placed_at desc nulls last, order_id desc
limit $2;

-- name: find_latest_invoices
-- What an account was invoiced lately.
select invoice_id, number, resource_id, kind, gross, currency, outstanding, status, issued_at, due_at
from invoice_state where account_id = $1
order by issued_at desc, invoice_id desc
limit $2;

-- name: find_open_invoices
-- What an account has yet to pay, the older first.
select invoice_id, number, outstanding, currency, due_at
from invoice_state where account_id = $1 and outstanding > 0
order by issued_at, invoice_id
limit $2;

-- name: find_latest_payments
-- What an account paid lately.
select payment_id, order_id, invoice_id, method, gateway, amount, currency, state, reason, at
from payment_state where account_id = $1
order by at desc nulls last, payment_id desc
limit $2;

-- name: find_recorded_transfer
-- Whether money with an id was noted before, and for whom.
select account_id, coalesce(confirmed_at, requested_at) as at from payment where payment_id = $1;

-- name: find_recorded_payment
-- Whether an invoice's payment was noted before.
select at from invoice_payment where account_id = $1 and payment_id = $2;

-- name: find_invoice
-- An invoice of an account.
select invoice_id, number, gross, outstanding, currency from invoice_state
where account_id = $1 and invoice_id = $2;
