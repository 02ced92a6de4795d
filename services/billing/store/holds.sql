-- name: append_holds
-- What the wallet is asked to hold for the resources of orders.
insert into order_hold (account_id, resource_id, order_id, item_id, amount, change_id, asked_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                     $7::timestamptz[]);

-- name: find_orders_of
-- Which orders these changes of holds are for.
select change_id, order_id from order_hold where change_id = any($1::text[]);

-- name: lock_states
-- Hold orders in a fixed order while their holds are answered.
select order_id, state from purchase_order where order_id = any($1::text[])
order by order_id
for no key update;

-- name: find_holds
-- All that is to be held for orders.
select account_id, resource_id, order_id, item_id, amount, asked_at, outcome, answered_at, released_at
from order_hold where order_id = any($1::text[])
order by resource_id;

-- name: find_held
-- What is held for items of orders.
select account_id, resource_id, order_id, item_id, amount, asked_at, outcome, answered_at, released_at
from order_hold
join unnest($1::text[], $2::text[]) as t (order_id, item_id) using (order_id, item_id)
where outcome = 'held' and released_at is null
order by resource_id;

-- name: save_holds
-- The wallet's answers, and what was released again.
update order_hold h
set outcome = t.outcome, answered_at = t.answered_at, released_at = t.released_at,
    recorded_at = now()
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
    as t (account_id, resource_id, outcome, answered_at, released_at)
where h.account_id = t.account_id and h.resource_id = t.resource_id;
