-- name: find_fingerprints
-- What is known of orders with these ids: the content they came with.
select order_id, fingerprint from purchase_order where order_id = any($1::text[]);

-- name: append_orders
-- New orders, accepted or rejected, and the items of those that were accepted, with their price.
with decided as (
    insert into purchase_order (order_id, account_id, action, user_type, payment_method, coupon,
                                fingerprint, state, reason, amount, currency, placed_at, source,
                                correlation_id, concluded_at)
    select order_id, account_id, action, user_type, payment_method, coupon, fingerprint, state,
           reason, amount, currency, placed_at, source, correlation_id,
           case when state = 'rejected' then placed_at end
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[],
                $8::text[], $9::text[], $10::bigint[], $11::text[], $12::timestamptz[], $13::text[],
                $14::text[])
        as t (order_id, account_id, action, user_type, payment_method, coupon, fingerprint, state,
              reason, amount, currency, placed_at, source, correlation_id)
)
insert into order_item (account_id, order_id, item_id, position, resource_id, amount, priced)
select * from unnest($15::text[], $16::text[], $17::text[], $18::integer[], $19::text[],
                     $20::bigint[], $21::jsonb[]);

-- name: find_ordered_resources
-- What orders are about.
select resource_id, order_id from order_item where order_id = any($1::text[]) order by resource_id;

-- name: begin_provisioning
-- Orders that were paid, or for which credit is held; what comes back is their items as a JSON
-- array, in the order in which they were placed.
with begun as (
    update purchase_order set state = 'provisioning'
    where order_id = any($1::text[]) and state in ('awaiting_payment', 'awaiting_hold')
)
select order_id, account_id, '[' || string_agg(priced::text, ',' order by position) || ']' as items
from order_item where order_id = any($1::text[])
group by order_id, account_id;

-- name: cancel_orders
-- Orders that were not paid, or for which there was not enough credit to hold.
update purchase_order o set state = 'cancelled', reason = t.reason, concluded_at = t.at
from unnest($1::text[], $2::text[], $3::timestamptz[]) as t (order_id, reason, at)
where o.order_id = t.order_id and o.state in ('awaiting_payment', 'awaiting_hold');

-- name: lock_orders
-- Hold orders while their items are concluded, with how they were paid.
select o.order_id, o.account_id, o.coupon, o.payment_method, p.payment_id
from purchase_order o left join payment p using (account_id, order_id)
where o.order_id = any($1::text[])
order by o.order_id
for no key update of o;

-- name: find_items
-- What those of these items cost that exist, and how each ended so far.
select i.order_id, i.item_id, i.amount, o.outcome
from order_item i
join unnest($1::text[], $2::text[]) as t (order_id, item_id) using (order_id, item_id)
left join item_outcome o using (account_id, order_id, item_id);

-- name: append_outcomes
-- How items ended.
insert into item_outcome (account_id, order_id, item_id, outcome, reason, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[]);

-- name: conclude_orders
-- Orders whose items have all ended; those that come back came to nothing.
with ended as (
    select i.account_id, i.order_id, count(*) as items, count(o.outcome) as outcomes,
           count(*) filter (where o.outcome = 'failed') as failures, max(o.at) as at
    from unnest($1::text[], $2::text[]) as t (account_id, order_id)
    join order_item i using (account_id, order_id)
    left join item_outcome o using (account_id, order_id, item_id)
    group by i.account_id, i.order_id
), concluded as (
    update purchase_order p
    set state = case when e.failures = 0 then 'completed'
                     when e.failures = e.items then 'failed'
                     else 'partially_completed' end,
        concluded_at = e.at
    from ended e
    where p.account_id = e.account_id and p.order_id = e.order_id and e.outcomes = e.items
      and p.state = 'provisioning'
    returning p.order_id, p.state
)
select order_id from concluded where state = 'failed';

-- name: append_refunds
-- Money that is given back for items, each once.
insert into refund (refund_id, account_id, order_id, item_id, item_amount, outcome, payment_id,
                    wallet, amount, reason, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                     $7::text[], $8::text[], $9::bigint[], $10::text[], $11::timestamptz[]);

-- name: show_order
-- An order, for people.
select o.order_id, o.account_id, o.action, o.user_type, o.state, o.reason, o.payment_method,
       o.coupon, o.amount, o.currency, o.placed_at, o.concluded_at
from purchase_order o where o.order_id = $1;

-- name: show_items
-- The items of an order and how each ended, for people.
select i.item_id, i.resource_id, i.priced ->> 'product' as product, i.priced ->> 'name' as name,
       i.priced ->> 'poc' as poc, i.amount, o.outcome, o.reason, o.at, r.amount as refunded
from order_item i
left join item_outcome o using (account_id, order_id, item_id)
left join refund r using (account_id, order_id, item_id)
where i.order_id = $1
order by i.position;

-- name: show_orders
-- An account's orders, newest first, a page at a time.
select order_id, action, state, reason, amount, currency, placed_at
from purchase_order
where account_id = $1
  and ($2::timestamptz is null or (placed_at, order_id) < ($2, $3::text))
order by placed_at desc, order_id desc
limit $4;
