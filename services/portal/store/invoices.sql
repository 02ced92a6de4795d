-- name: find_invoices
-- An account's invoices, newest first, from a place on, as far as they are wanted.
select s.invoice_id, s.number, s.resource_id, r.name, r.product, s.kind, s.period_from, s.period_to,
       s.net, s.vat, s.gross, s.currency, s.issued_at, s.due_at, s.paid, s.credited, s.outstanding,
       s.status
from invoice_state s left join resource r using (account_id, resource_id)
where s.account_id = $1
  and ($2::text is null or s.status = $2
       or ($2 = 'open' and s.status <> 'paid'))
  and ($3::text is null or s.kind = $3)
  and ($4::timestamptz is null or s.issued_at >= $4)
  and ($5::timestamptz is null or s.issued_at < $5)
  and ($6::text is null or s.number ilike '%' || $6 || '%' or r.name ilike '%' || $6 || '%'
       or s.resource_id = $6)
  and ($7::timestamptz is null or (s.issued_at, s.invoice_id) < ($7, $8::text))
order by s.issued_at desc, s.invoice_id desc
limit $9;

-- name: find_invoice
-- An invoice of an account, with what it is about.
select s.*, r.name, r.product
from invoice_state s left join resource r using (account_id, resource_id)
where s.account_id = $1 and s.invoice_id = $2;

-- name: find_chosen
-- Invoices that were chosen and are not paid yet, the older first.
select invoice_id, number, gross, outstanding, currency, due_at
from invoice_state
where account_id = $1 and invoice_id = any($2::text[]) and outstanding > 0
order by issued_at, gross, invoice_id;

-- name: find_payments_of
-- What was paid of an invoice, oldest first. One that was issued as paid has its share of its order's
-- payment (domain 2.4), be it that nothing was heard of that yet; what billing did not take itself,
-- Sales recorded.
select p.payment_id, coalesce(p.confirmed_at, i.issued_at) as at, coalesce(p.method, 'order') as method,
       i.gross as amount, 0::bigint as outstanding
from invoice i
left join lateral (
    select payment_id, method, confirmed_at from payment
    where account_id = $1 and order_id = i.order_id and confirmed_at is not null
    order by confirmed_at, payment_id limit 1
) p on true
where i.account_id = $1 and i.invoice_id = $2 and i.paid_at_once and i.gross > 0
union all
select f.payment_id, f.at, coalesce(p.method, 'recorded'), f.amount, f.outstanding
from invoice_payment f
left join payment p on p.account_id = f.account_id and p.payment_id = f.payment_id
where f.account_id = $1 and f.invoice_id = $2
order by at, outstanding desc, payment_id;

-- name: find_credit_notes_of
-- What corrects an invoice.
select credit_note_id, number, amount, net, vat, given_back, reason, at, currency
from credit_note
where account_id = $1 and invoice_id = $2
order by at, credit_note_id;

-- name: find_invoices_of_resource
-- A resource's invoices, newest first.
select invoice_id, number, kind, period_from, period_to, gross, currency, status, issued_at
from invoice_state
where account_id = $1 and resource_id = $2
order by issued_at desc
limit 100;

-- name: get_outstanding
-- What is left of an account's invoices.
select coalesce(sum(outstanding), 0)::bigint as amount, count(*) as count, min(due_at) as due_at
from invoice_state where account_id = $1 and outstanding > 0;

-- name: find_costs
-- What was invoiced, less credit notes, by month, product and resource.
select to_char(c.at at time zone $2::text, 'YYYY-MM') as month,
       coalesce(r.product, '') as product, c.resource_id, coalesce(r.name, c.resource_id) as name,
       c.currency, sum(c.gross)::bigint as gross, sum(c.net)::bigint as net
from (
    select account_id, resource_id, currency, issued_at as at, gross, net from invoice
    where account_id = $1 and issued_at >= $3
    union all
    select n.account_id, i.resource_id, n.currency, n.at, -n.amount, -n.net
    from credit_note n join invoice i using (account_id, invoice_id)
    where n.account_id = $1 and n.at >= $3
) c
left join resource r using (account_id, resource_id)
group by 1, 2, 3, 4, 5
order by 1, 2, 3;
