-- name: find_orders
-- An account's orders, newest first, from a place on.
select * from order_state
where account_id = $1 and placed_at is not null
  and ($2::timestamptz is null or (placed_at, order_id) < ($2, $3::text))
order by placed_at desc, order_id desc
limit $4;

-- name: find_order
-- An order of an account.
select * from order_state where account_id = $1 and order_id = $2;

-- name: find_items
-- An order's items.
select item_id, resource_id, product, name, priced, done_at, failed_at, reason, given_back
from order_item where account_id = $1 and order_id = $2
order by item_id;

-- name: find_orders_of_resource
-- What was ordered for a resource, newest first.
select s.order_id, s.action, s.state, s.placed_at, s.amount, s.currency
from order_item i join order_state s using (account_id, order_id)
where i.account_id = $1 and i.resource_id = $2
order by s.placed_at desc nulls last
limit 100;
