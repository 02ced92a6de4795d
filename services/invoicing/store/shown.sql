-- name: show_invoices
-- Invoices of an account, a resource or an order, newest first, a page at a time.
select v.invoice_id, v.series || '-' || lpad(v.number::text, 7, '0') as number, v.resource_id,
       v.kind, s.status, v.period_from, v.period_to, v.net, v.vat, v.gross, s.paid, v.currency,
       v.issued_at, v.due_at
from invoice v join invoice_state s using (invoice_id)
where ($1::text is null or v.account_id = $1)
  and ($2::text is null or v.resource_id = $2)
  and ($3::text is null or v.order_id = $3)
  and ($4::timestamptz is null or (v.issued_at, v.invoice_id) < ($4, $5::text))
order by v.issued_at desc, v.invoice_id desc
limit $6;

-- name: show_invoice
-- One invoice by its id or its number.
select v.invoice_id, v.series || '-' || lpad(v.number::text, 7, '0') as number, v.account_id,
       v.resource_id, v.order_id, v.kind, s.status, v.period, v.period_from, v.period_to,
       v.discount, v.net, v.vat, v.gross, s.paid, v.gross - s.paid as outstanding, v.currency,
       v.issued_at, v.due_at
from invoice v join invoice_state s using (invoice_id)
where v.invoice_id = $1
   or (v.series, v.number) = (split_part($1, '-', 1),
                              case when split_part($1, '-', 2) ~ '^[0-9]{1,15}$'
                                   then split_part($1, '-', 2)::bigint end);

-- name: show_lines
-- The lines of an invoice.
select position, sku, description, quantity, minutes, unit_price, discount_rate, amount, vat,
       vat_rate, vat_included, period_from, period_to, month
from invoice_line where invoice_id = $1 order by position;

-- name: show_invoice_payments
-- What was paid of an invoice, oldest first.
select payment_id, method, amount, overpaid, at
from invoice_payment where invoice_id = $1 order by at, payment_id;

-- name: show_segments
-- The stretches of use of a postpaid resource, oldest first.
select started_at, ended_at, skus, quantities, discount_rate
from usage_segment where resource_id = $1 order by started_at, version;

-- name: show_run
-- How far a month's run is, and what it has issued.
select r.period, r.tick_at, r.started_at, r.completed_at, count(*) as ranges,
       count(g.done_at) as ranges_done, coalesce(sum(g.invoices), 0) as invoices,
       coalesce(sum(g.quarantined), 0) as quarantined
from run r left join run_range g using (period)
where r.period = $1
group by r.period;

-- name: show_run_totals
-- What a month's run has issued, by currency.
select currency, sum(invoices) as invoices, sum(net) as net, sum(vat) as vat, sum(gross) as gross
from run_total where period = $1 group by currency order by currency;

-- name: show_quarantine
-- Accounts whose month could not be invoiced, and why.
select account_id, reason, detail, since
from quarantine where period = $1 and resolved_at is null order by account_id;
