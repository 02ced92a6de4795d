-- name: find_made_out_to
-- Whom an invoice is made out to.
select made_out_to::text from invoice where account_id = $1 and invoice_id = $2;

-- name: find_invoice
-- An invoice as it was issued, with what its resource is called.
select i.*, r.name as resource
from invoice i
left join resource r on r.account_id = i.account_id and r.resource_id = i.resource_id
where i.account_id = $1 and i.invoice_id = $2;

-- name: find_credit_notes
-- What corrects an invoice, oldest first.
select number, at, amount from credit_note where account_id = $1 and invoice_id = $2
order by at, number;

-- name: find_credit_note
-- A credit note with the invoice that it corrects.
select n.*, i.number as invoice_number, i.issued_at as invoice_issued_at, i.lines
from credit_note n join invoice i using (account_id, invoice_id)
where n.account_id = $1 and n.credit_note_id = $2;

-- name: find_invoices_of_month
-- Invoices issued in a stretch of time, and what of them was paid and credited by its end.
select i.number, i.issued_at, coalesce(nullif(r.name, ''), i.resource_id) as resource, i.net, i.vat,
       i.gross, i.currency,
       case when i.paid_at_once then greatest(i.gross, 0) else coalesce((
           select sum(f.amount) from invoice_payment f
           where f.account_id = i.account_id and f.invoice_id = i.invoice_id and f.at < $3
       ), 0) end::bigint as paid,
       coalesce((
           select sum(n.amount) from credit_note n
           where n.account_id = i.account_id and n.invoice_id = i.invoice_id and n.at < $3
       ), 0)::bigint as credited
from invoice i
left join resource r on r.account_id = i.account_id and r.resource_id = i.resource_id
where i.account_id = $1 and i.issued_at >= $2 and i.issued_at < $3
order by i.issued_at, i.number;

-- name: find_payments_of_month
-- What was paid in a stretch of time, and for what.
select p.payment_id, p.confirmed_at as at, coalesce(p.method, 'gateway') as method, p.amount,
       coalesce(p.order_id, i.number, p.invoice_id, p.payment_id) as what
from payment p
left join invoice i on i.account_id = p.account_id and i.invoice_id = p.invoice_id
where p.account_id = $1 and p.confirmed_at >= $2 and p.confirmed_at < $3 and p.amount > 0
order by p.confirmed_at, p.payment_id;

-- name: find_movements_of_month
-- What moved the credit wallet in a stretch of time, oldest first.
select at, reason, case when kind = 'credited' then amount else -amount end as amount, balance
from wallet_entry
where account_id = $1 and wallet = 'credit' and kind in ('credited', 'debited')
  and at >= $2 and at < $3
order by position nulls first, at, event_id;

-- name: find_balance_before
-- The balance of the credit wallet at an instant.
select balance from wallet_entry
where account_id = $1 and wallet = 'credit' and kind in ('credited', 'debited') and at < $2
order by position desc nulls last, at desc
limit 1;
