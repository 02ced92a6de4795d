-- name: placed_orders_arrive
-- 11.5 Each order that a person or a program placed in the portal is known to billing, unless its
-- message became a dead letter there that was discarded.
select a.act_id as id, format('billing has no order %s', a.correlation_id) as detail,
       a.at as since, a.correlation_id
from portal.act a
where a.kind like 'order\_%'
  and not exists (select from billing.purchase_order o where o.order_id = a.correlation_id)
  and not exists (select from billing.dead_letter d
                  where d.message_id = a.message_id and d.conclusion = 'discarded');

-- name: webhooks_move_on
-- 11.5 Each webhook that waits is tried in its time, as long as its endpoint is on.
select format('%s/%s', d.endpoint_id, d.event_id) as id, format('due since %s', d.due_at) as detail,
       d.due_at as since, null::text as correlation_id
from portal.webhook_delivery d join portal.webhook_endpoint e using (account_id, endpoint_id)
where d.state = 'waiting' and e.disabled_at is null and d.due_at < clock_timestamp();
