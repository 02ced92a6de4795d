-- name: wallet_balances
-- 11.1 A wallet's balance is the sum of its entries.
select w.account_id || '/' || w.wallet as id,
       format('balance %s, entries %s', w.balance, t.total) as detail,
       null::timestamptz as since, null::text as correlation_id
from wallet.wallet w
join lateral (
    select coalesce(sum(case when credit_side = 'wallet' then amount else -amount end), 0) as total
    from wallet.transfer t where t.account_id = w.account_id and t.wallet = w.wallet
) t on t.total <> w.balance;

-- name: wallet_available
-- 11.1 No balance and no available credit is below 0.
select account_id || '/' || wallet as id, format('balance %s, held %s', balance, held) as detail,
       null::timestamptz as since, null::text as correlation_id
from wallet.wallet where balance < 0 or held < 0 or balance < held;

-- name: charges_were_asked_for
-- 11.1 Money leaves a wallet only for a payment, and in the amount that was paid.
select t.transfer_id as id,
       format('charged %s, paid %s', t.amount, coalesce(o.amount::text, 'nothing')) as detail,
       t.recorded_at as since, p.correlation_id
from wallet.transfer t
left join billing.charge c on c.charge_id = t.transfer_id
left join billing.payment p on p.payment_id = c.payment_id
left join billing.payment_outcome o on o.payment_id = p.payment_id
where t.kind = 'charge' and (o.outcome, o.amount) is distinct from ('confirmed', t.amount);

-- name: payments_were_charged
-- 11.1 A payment from credit is confirmed only once the money has left the wallet.
select p.payment_id as id, format('confirmed %s, charged nothing', o.amount) as detail,
       o.recorded_at as since, p.correlation_id
from billing.payment p
join billing.payment_outcome o on o.payment_id = p.payment_id and o.outcome = 'confirmed'
where p.method in ('credit', 'top_up_and_pay', 'poc') and not exists (
    select from billing.charge c
    join wallet.transfer t on t.kind = 'charge' and t.transfer_id = c.charge_id
    where c.payment_id = p.payment_id and t.amount = o.amount
);

-- name: refunds_arrived
-- 11.1 Each refund is in the wallet, in its amount.
select r.refund_id as id, format('%s to %s/%s', r.amount, r.account_id, r.wallet) as detail,
       r.recorded_at as since, o.correlation_id
from billing.refund r
join billing.purchase_order o using (order_id)
where not exists (
    select from wallet.transfer t
    where t.kind = 'refund' and t.transfer_id = r.refund_id and t.amount = r.amount
      and t.account_id = r.account_id and t.wallet = r.wallet
);

-- name: gateway_money_arrived
-- 11.1 Gateway money that no payment waited for has become credit.
select g.gateway || '/' || g.gateway_reference as id, format('%s received', g.amount) as detail,
       g.at as since, p.correlation_id
from billing.gateway_receipt g join billing.payment p using (payment_id)
where g.became = 'credit' and not exists (
    select from wallet.transfer t where t.kind = 'top_up' and t.account_id = p.account_id
       and t.amount = g.amount and t.reason = 'top_up' and t.at = g.at
);

-- name: paid_items_concluded
-- 11.2 Each item of a confirmed payment ends as done or failed.
select i.order_id || '/' || i.item_id as id, format('paid %s, and no outcome', i.amount) as detail,
       o.recorded_at as since, p.correlation_id
from billing.payment p
join billing.payment_outcome o on o.payment_id = p.payment_id and o.outcome = 'confirmed'
join billing.order_item i on i.order_id = p.order_id
where not exists (
    select from billing.item_outcome e where e.order_id = i.order_id and e.item_id = i.item_id
);

-- name: done_items_invoiced
-- 11.2 Each item that was paid and done has one paid invoice, in the amount that was paid.
select i.order_id || '/' || i.item_id as id,
       format('paid %s, invoiced %s', i.amount, coalesce(v.gross::text, 'nothing')) as detail,
       e.recorded_at as since, p.correlation_id
from billing.payment p
join billing.payment_outcome o on o.payment_id = p.payment_id and o.outcome = 'confirmed'
join billing.order_item i on i.order_id = p.order_id
join billing.item_outcome e
    on e.order_id = i.order_id and e.item_id = i.item_id and e.outcome = 'done'
left join invoicing.invoice v
    on v.order_id = i.order_id and v.item_id = i.item_id and v.kind = 'prepaid'
left join invoicing.invoice_state s on s.invoice_id = v.invoice_id
where (v.gross, s.status) is distinct from (i.amount, 'paid') and p.method <> 'poc';

-- name: failed_items_refunded
-- 11.2 Each item that was paid and failed was refunded, and has no invoice.
select i.order_id || '/' || i.item_id as id,
       format('paid %s, refunded %s, invoice %s', i.amount, coalesce(r.amount::text, 'nothing'),
              coalesce(v.invoice_id, 'none')) as detail,
       e.recorded_at as since, p.correlation_id
from billing.payment p
join billing.payment_outcome o on o.payment_id = p.payment_id and o.outcome = 'confirmed'
join billing.order_item i on i.order_id = p.order_id and i.amount > 0
join billing.item_outcome e
    on e.order_id = i.order_id and e.item_id = i.item_id and e.outcome = 'failed'
left join billing.refund r on r.order_id = i.order_id and r.item_id = i.item_id
left join invoicing.invoice v on v.order_id = i.order_id and v.item_id = i.item_id
where r.amount is distinct from i.amount or v.invoice_id is not null;

-- name: invoices_were_paid_for
-- 11.2 Each prepaid invoice belongs to an item that was done.
select v.invoice_id as id, format('gross %s', v.gross) as detail, v.issued_at as since,
       null::text as correlation_id
from invoicing.invoice v
left join billing.item_outcome e on e.order_id = v.order_id and e.item_id = v.item_id
where v.kind = 'prepaid' and e.outcome is distinct from 'done';

-- name: resources_agree
-- 11.2 Each resource is what billing believes it is.
select coalesce(b.resource_id, r.resource_id) as id,
       format('provisioning: %s of version %s, billing: %s of version %s', r.state, r.version,
              b.state, b.version) as detail,
       coalesce(q.concluded_at, o.recorded_at) as since, o.correlation_id
from billing.resource b
full join provisioning.resource r using (resource_id)
left join lateral (
    select * from provisioning.request q
    where q.resource_id = r.resource_id order by q.asked_at desc limit 1
) q on true
left join billing.purchase_order o on o.order_id = coalesce(b.busy_with, q.order_id)
where (b.state, b.version) is distinct from (r.state, r.version)
  and not (r.resource_id is null and b.state in ('new', 'failed'));

-- name: one_invoice_a_month
-- 11.3 A resource has at most one regular invoice a billing month.
select resource_id || '/' || period as id, format('%s invoices', count(*)) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice where kind = 'usage'
group by resource_id, period having count(*) > 1;

-- name: use_is_invoiced_once
-- 11.4 Every minute of postpaid use before an account's last closing is on exactly one invoice.
with used as (
    select s.resource_id, sku,
           sum(extract(epoch from least(
               coalesce(s.ended_at, 'infinity'),
               case when s.final_invoice_id is null then a.closed_until else 'infinity' end
           ) - s.started_at) / 60)::bigint as minutes
    from invoicing.usage_segment s
    join invoicing.account a using (account_id)
    cross join lateral unnest(s.skus) as sku
    where s.final_invoice_id is not null or s.started_at < a.closed_until
    group by s.resource_id, sku
), invoiced as (
    select v.resource_id, l.sku,
           sum(case when l.month is not null and l.amount < 0 then -l.minutes else l.minutes end)
               as minutes
    from invoicing.invoice v join invoicing.invoice_line l using (invoice_id)
    where v.kind in ('usage', 'final')
    group by v.resource_id, l.sku
), awaiting as (
    select a.resource_id, a.sku,
           sum(a.sign * extract(epoch from a.period_to - a.period_from) / 60)::bigint as minutes
    from invoicing.adjustment a
    where a.final_invoice_id is null and not exists (
        select from invoicing.invoice v
        where v.kind = 'usage' and v.resource_id = a.resource_id and v.period = a.period
    )
    group by a.resource_id, a.sku
)
select resource_id || '/' || sku as id,
       format('used %s minutes, invoiced %s, to be adjusted %s', coalesce(u.minutes, 0),
              coalesce(i.minutes, 0), coalesce(w.minutes, 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from used u
full join invoiced i using (resource_id, sku)
full join awaiting w using (resource_id, sku)
where coalesce(u.minutes, 0) <> coalesce(i.minutes, 0) + coalesce(w.minutes, 0);

-- name: use_is_recorded
-- 11.4 Each postpaid resource that exists has an open stretch of use, and no other has.
select r.resource_id as id,
       format('%s %s, %s', r.user_type, r.state,
              case when s.resource_id is null then 'no use recorded' else 'use recorded' end) as detail,
       q.concluded_at as since, q.correlation_id
from provisioning.resource r
left join invoicing.usage_segment s on s.resource_id = r.resource_id and s.ended_at is null
left join lateral (
    select * from provisioning.request q
    where q.resource_id = r.resource_id order by q.asked_at desc limit 1
) q on true
where (r.user_type = 'postpaid' and r.state in ('active', 'stopped')) <> (s.resource_id is not null);

-- name: invoices_add_up
-- 11.1 Each invoice is the sum of its lines, and net and VAT make its gross.
select v.invoice_id as id, format('gross %s, lines %s', v.gross, l.gross) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice v
left join lateral (
    select sum(amount + case when vat_included then 0 else vat end) - v.discount as gross
    from invoicing.invoice_line l where l.invoice_id = v.invoice_id
) l on true
where v.net + v.vat <> v.gross or coalesce(l.gross, 0) <> v.gross;

-- name: invoice_numbers
-- 11.6 Invoice numbers have no gaps within their series.
select s.series as id,
       format('%s numbers taken, %s invoices', s.next_number - 1, count(v.number)) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice_series s left join invoicing.invoice v using (series)
group by s.series, s.next_number
having count(v.number) <> s.next_number - 1 or coalesce(max(v.number), 0) <> s.next_number - 1;

-- name: invoices_paid_once
-- 11.1 What is paid of an invoice is the sum of its payments, and never more than it.
select s.invoice_id as id, format('paid %s of %s, payments %s', s.paid, s.gross, p.paid) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice_state s
join invoicing.invoice v using (invoice_id)
left join lateral (
    select coalesce(sum(amount), 0) as paid
    from invoicing.invoice_payment p where p.invoice_id = s.invoice_id
) p on true
where s.paid > greatest(s.gross, 0) or (v.kind <> 'prepaid' and s.gross > 0 and s.paid <> p.paid);

-- name: invoice_payments_arrived
-- 11.1 Each confirmed payment of an invoice is on that invoice.
select p.payment_id as id, format('%s for invoice %s', o.amount, p.invoice_id) as detail,
       o.recorded_at as since, p.correlation_id
from billing.payment p
join billing.payment_outcome o on o.payment_id = p.payment_id and o.outcome = 'confirmed'
where p.invoice_id is not null and not exists (
    select from invoicing.invoice_payment i
    where i.payment_id = p.payment_id and i.amount + i.overpaid = o.amount
);

-- name: orders_move_on
-- 11.5 No accepted order stands still: it waits for a gateway, a product team, or a message.
select o.order_id as id, o.state as detail, o.recorded_at as since, o.correlation_id
from billing.purchase_order o
where o.state in ('awaiting_payment', 'provisioning')
  and not exists (
      select from billing.payment p join billing.gateway_request g using (payment_id)
      where p.order_id = o.order_id and g.open
  )
  and not exists (
      select from provisioning.request q where q.order_id = o.order_id and q.outcome is null
  );
