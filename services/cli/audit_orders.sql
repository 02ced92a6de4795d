-- name: payments_cover_orders
-- 11.2 What is asked for an order is the sum of what its items cost, and all of it is paid.
select p.payment_id as id,
       format('items cost %s, asked for %s, paid %s', i.amount, p.amount,
              coalesce(o.amount::text, 'nothing')) as detail,
       null::timestamptz as since, p.correlation_id
from billing.payment p
left join billing.payment_outcome o
    on o.account_id = p.account_id and o.payment_id = p.payment_id and o.outcome = 'confirmed'
left join (
    select order_id, sum(amount) as amount from billing.order_item where amount > 0 group by 1
) i on i.order_id = p.order_id
where p.order_id is not null
  and (p.amount is distinct from i.amount or o.amount <> p.amount);

-- name: paid_items_concluded
-- 11.2 Each item of a confirmed payment ends as done or failed.
select i.order_id || '/' || i.item_id as id, format('paid %s, and no outcome', i.amount) as detail,
       case when q.request_id is null then o.recorded_at else 'infinity' end as since,
       p.correlation_id
from billing.payment p
join billing.payment_outcome o
    on o.account_id = p.account_id and o.payment_id = p.payment_id and o.outcome = 'confirmed'
join billing.order_item i on i.order_id = p.order_id
left join billing.item_outcome e on e.order_id = i.order_id and e.item_id = i.item_id
left join provisioning.request q
    on q.order_id = i.order_id and q.item_id = i.item_id and q.outcome is null
where e.item_id is null;

-- name: done_items_invoiced
-- 11.2 Each prepaid item that was done has one paid invoice, in the amount that was paid, unless the
-- POC wallet paid.
select i.order_id || '/' || i.item_id as id,
       format('costs %s, invoiced %s', i.amount, coalesce(v.gross::text, 'nothing')) as detail,
       e.recorded_at as since, o.correlation_id
from billing.purchase_order o
join billing.order_item i using (order_id)
join billing.item_outcome e
    on e.order_id = i.order_id and e.item_id = i.item_id and e.outcome = 'done'
left join invoicing.invoice v
    on v.order_id = i.order_id and v.item_id = i.item_id and v.kind = 'prepaid'
left join invoicing.invoice_state s on s.invoice_id = v.invoice_id
where o.action in ('create', 'resize', 'renew', 'recover')
  and i.priced ->> 'user_type' = 'prepaid' and i.priced ->> 'poc' is null
  and (v.gross, v.account_id, s.status) is distinct from (i.amount, o.account_id, 'paid');

-- name: failed_items_refunded
-- 11.2 Each item that was paid and failed was refunded in full, and has no invoice.
select i.order_id || '/' || i.item_id as id,
       format('paid %s, refunded %s, invoice %s', i.amount, coalesce(r.amount::text, 'nothing'),
              coalesce(v.invoice_id, 'none')) as detail,
       e.recorded_at as since, p.correlation_id
from billing.payment p
join billing.payment_outcome o
    on o.account_id = p.account_id and o.payment_id = p.payment_id and o.outcome = 'confirmed'
join billing.order_item i on i.order_id = p.order_id and i.amount > 0
join billing.item_outcome e
    on e.order_id = i.order_id and e.item_id = i.item_id and e.outcome = 'failed'
left join billing.refund r on r.order_id = i.order_id and r.item_id = i.item_id
left join invoicing.invoice v
    on v.order_id = i.order_id and v.item_id = i.item_id and v.kind = 'prepaid'
where r.amount is distinct from i.amount or v.invoice_id is not null;

-- name: invoices_were_paid_for
-- 11.2 Each prepaid invoice belongs to an item that was paid and done.
select v.invoice_id as id,
       format('gross %s; paid: %s, item: %s', v.gross, coalesce(o.outcome, 'never'),
              coalesce(e.outcome, 'not concluded')) as detail,
       v.recorded_at as since, d.correlation_id
from invoicing.invoice v
left join billing.purchase_order d on d.order_id = v.order_id
left join billing.item_outcome e on e.order_id = v.order_id and e.item_id = v.item_id
left join billing.payment p on p.order_id = v.order_id
left join billing.payment_outcome o
    on o.account_id = p.account_id and o.payment_id = p.payment_id
where v.kind = 'prepaid'
  and (e.outcome is distinct from 'done'
       or v.gross > 0 and o.outcome is distinct from 'confirmed');

-- name: orders_move_on
-- 11.5 No accepted order stands still: it waits for a gateway, a product team, or a message.
select o.order_id as id, o.state as detail, o.recorded_at as since, o.correlation_id
from billing.purchase_order o
where o.state in ('awaiting_payment', 'awaiting_hold', 'provisioning')
  and not exists (
      select from billing.payment p join billing.gateway_request g using (account_id, payment_id)
      where p.order_id = o.order_id and g.open
  )
  and not exists (
      select from provisioning.request q where q.order_id = o.order_id and q.outcome is null
  );

-- name: payments_move_on
-- 11.5 No payment of an invoice stands still: it waits for a gateway, or for a message.
select p.payment_id as id, format('%s for invoice %s', p.amount, p.invoice_id) as detail,
       p.recorded_at as since, p.correlation_id
from billing.payment p
left join billing.payment_outcome o using (account_id, payment_id)
left join billing.gateway_request g on g.payment_id = p.payment_id and g.open
where p.invoice_id is not null and o.payment_id is null and g.payment_id is null;

-- name: coupons_are_counted
-- 11.5 A coupon is used as often as orders use it, and no order that came to nothing does.
select c.code as id,
       format('%s uses counted, %s orders use it', c.uses, coalesce(u.uses, 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from billing.coupon c
left join (
    select u.code, count(*) as uses, count(*) filter (where o.state in ('cancelled', 'failed')) as idle
    from billing.coupon_use u join billing.purchase_order o using (account_id, order_id)
    where u.given_back_at is null
    group by u.code
) u using (code)
where c.uses <> coalesce(u.uses, 0) or u.idle > 0;

-- name: resources_agree
-- 11.5 Each resource is what billing believes it is.
select coalesce(b.resource_id, r.resource_id) as id,
       format('provisioning: %s %s%s of version %s, billing: %s %s%s of version %s',
              coalesce(r.user_type, 'no'), coalesce(r.state, 'resource'), ' POC ' || r.poc,
              coalesce(r.version, 0), coalesce(b.user_type, 'no'), coalesce(b.state, 'resource'),
              ' POC ' || b.poc, coalesce(b.version, 0))
           as detail,
       r.changed_at as since, o.correlation_id
from billing.resource b
full join provisioning.resource r using (resource_id)
left join billing.purchase_order o on o.order_id = b.busy_with
where (b.account_id, b.user_type, b.state, b.version, b.poc)
      is distinct from (r.account_id, r.user_type, r.state, r.version, r.poc)
  and not (r.resource_id is null and b.state in ('new', 'failed'));
