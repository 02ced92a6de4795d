-- name: show_invoice
-- One invoice with what was paid of it, by its id or its number.
select i.invoice_id, i.series || '-' || lpad(i.number::text, greatest(7, length(i.number::text)), '0')
           as number,
       i.account_id, i.resource_id, r.name as resource, i.kind, s.status, i.period, i.period_from,
       i.period_to, i.currency, i.discount, i.net, i.vat, i.gross, s.paid, s.credited, s.reserved,
       greatest(i.gross - s.paid - s.credited, 0) as outstanding, i.order_id, i.item_id, i.payment_id,
       i.issued_at, i.due_at
from invoice i
join invoice_state s using (account_id, invoice_id)
join resource r using (account_id, resource_id)
where i.invoice_id = $1 or (
    i.series = split_part($1, '-', 1)
    and i.number = case when split_part($1, '-', 2) ~ '^[0-9]{1,18}$'
                        then split_part($1, '-', 2)::bigint end
);

-- name: show_lines
-- An invoice's lines in their order.
select position, sku, description, quantity, minutes, unit_price, discount_rate, amount, vat,
       vat_rate, vat_included, period_from, period_to, month
from invoice_line
where account_id = (select i.account_id from invoice i where i.invoice_id = $1)
  and invoice_id = $1
order by position;

-- name: show_invoice_payments
-- What was paid of an invoice, oldest first.
select payment_id, at, method, amount, overpaid, paid_after, recorded_by, note
from invoice_payment
where account_id = (select i.account_id from invoice i where i.invoice_id = $1)
  and invoice_id = $1
order by at, paid_after, payment_id;

-- name: show_credit_notes
-- An invoice's credit notes, oldest first.
select credit_note_id, position, at, amount, net, vat, given_back, reason, requested_by
from credit_note
where account_id = (select i.account_id from invoice i where i.invoice_id = $1)
  and invoice_id = $1
order by position;

-- name: show_invoices_of_account
-- An account's billing history, newest first, a page at a time.
select i.invoice_id, i.series || '-' || lpad(i.number::text, greatest(7, length(i.number::text)), '0')
           as number,
       i.issued_at, i.resource_id, i.kind, i.period, s.status, i.gross, s.paid, s.credited, i.currency, i.due_at
from invoice i join invoice_state s using (account_id, invoice_id)
where i.account_id = $1
  and (i.issued_at, i.invoice_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
order by i.issued_at desc, i.invoice_id desc
limit $4;

-- name: show_invoices_of_resource
-- A resource's invoices, newest first, a page at a time.
select i.invoice_id, i.series || '-' || lpad(i.number::text, greatest(7, length(i.number::text)), '0')
           as number,
       i.issued_at, i.resource_id, i.kind, i.period, s.status, i.gross, s.paid, s.credited, i.currency, i.due_at
from resource r
join invoice i on i.account_id = r.account_id and i.resource_id = r.resource_id
join invoice_state s on s.account_id = i.account_id and s.invoice_id = i.invoice_id
where r.resource_id = $1
  and (i.issued_at, i.invoice_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
order by i.issued_at desc, i.invoice_id desc
limit $4;

-- name: show_invoices_of_order
-- An order's invoices, newest first, a page at a time.
select i.invoice_id, i.series || '-' || lpad(i.number::text, greatest(7, length(i.number::text)), '0')
           as number,
       i.issued_at, i.resource_id, i.kind, i.period, s.status, i.gross, s.paid, s.credited, i.currency, i.due_at
from invoice i join invoice_state s using (account_id, invoice_id)
where i.order_id = $1 and i.kind = 'prepaid'
  and (i.issued_at, i.invoice_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
order by i.issued_at desc, i.invoice_id desc
limit $4;

-- name: show_segments
-- A postpaid resource's use, newest first.
select version, product, started_at, ended_at, discount_rate, skus, quantities, final_invoice_id
from usage_segment
where account_id = (select r.account_id from resource r where r.resource_id = $1)
  and resource_id = $1
order by version desc;

-- name: show_use
-- What an account used in a stretch of time, stretch by stretch, before it is invoiced.
select s.resource_id, r.name as resource, s.product, greatest(s.started_at, $2) as used_from,
       least(s.ended_at, $3::timestamptz) as used_to, s.skus, s.quantities, s.discount_rate
from usage_segment s join resource r using (account_id, resource_id)
where s.account_id = $1 and s.started_at < $3 and coalesce(s.ended_at, 'infinity') > $2
order by s.resource_id, s.version;

-- name: show_run
-- How far a month's run is, and what it has come to.
select r.period, r.tick_at, r.started_at, r.completed_at, r.ranges, g.ranges_done,
       r.handed_out - g.ranges_done as ranges_in_hand, g.invoices,
       (select count(*) from quarantine q
        where q.period <= r.period and q.resolved_at is null)::integer as quarantined
from run r
cross join lateral (
    select count(done_at) filter (where range_number < r.ranges)::integer as ranges_done,
           coalesce(sum(invoices), 0)::bigint as invoices
    from run_range g where g.period = r.period
) g
where r.period = $1;

-- name: show_ranges_in_hand
-- The ranges of a run that were handed out and are not done.
select range_number, first_account, next_account
from run r join run_range g using (period)
where period = $1 and g.range_number < r.handed_out and g.done_at is null
order by range_number;

-- name: show_dead_ranges
-- Dead letters that are ranges of some run.
select number, reason, detail, body from dead_letter
where type = 'month.range_due' and concluded_at is null
order by number;

-- name: show_report
-- The latest close report of a run.
select revision, resources, invoices, adjustments, quarantined, lpad(to_hex((checksum % 1152921504606846976)::bigint), 15, '0')
           as checksum, recorded_at
from run_report where period = $1
order by revision desc limit 1;

-- name: show_report_totals
-- What a close report has of each currency.
select currency, invoices, net::bigint as net, vat::bigint as vat, gross::bigint as gross
from run_report_total where period = $1 and revision = $2
order by currency;

-- name: show_run_totals
-- What a month's run has come to, by currency.
select currency, sum(invoices)::bigint as invoices, sum(net)::bigint as net, sum(vat)::bigint as vat,
       sum(gross)::bigint as gross
from run_total where period = $1
group by currency
order by currency;

-- name: show_quarantine
-- The accounts that a month's run, or one before it, had to leave out and that are still open.
select account_id, period, reason, detail, since
from quarantine where period <= $1 and resolved_at is null
order by period, account_id;

-- name: find_gaps
-- Series of invoice numbers with a number that no invoice has: there must be none.
select s.series, s.next_number - 1 as expected, count(i.number) as found
from invoice_series s left join invoice i using (series)
group by s.series, s.next_number
having count(i.number) <> s.next_number - 1 or coalesce(max(i.number), 0) <> s.next_number - 1;
