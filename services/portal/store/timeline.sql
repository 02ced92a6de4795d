-- name: find_timeline
-- What happened to an account, newest first, from a place on; of one order, everything that came of
-- it; of one resource, what names it and what came of its orders without naming another.
select time, type, source, event_id, correlation_id, causation_id, payload, position
from event e
where account_id = $1
  and ($2::text is null or e.payload ->> 'order_id' = $2 or e.correlation_id in (
      select o.correlation_id from event o
      where o.account_id = $1 and o.payload ->> 'order_id' = $2))
  and ($3::text is null or e.payload ->> 'resource_id' = $3
       or e.payload -> 'items' @> jsonb_build_array(jsonb_build_object('item_id', $3::text))
       or e.payload -> 'items' @> jsonb_build_array(jsonb_build_object('resource_id', $3::text))
       or (e.payload ->> 'resource_id' is null and e.correlation_id in (
           select o.correlation_id from event o
           where o.account_id = $1 and o.payload ->> 'order_id' is not null
             and (o.payload ->> 'resource_id' = $3
                  or o.payload -> 'items' @> jsonb_build_array(jsonb_build_object('item_id', $3::text))
                  or o.payload -> 'items'
                     @> jsonb_build_array(jsonb_build_object('resource_id', $3::text))))))
  and ($4::timestamptz is null or (e.time, e.position) < ($4, $5::bigint))
order by time desc, position desc
limit $6;

-- name: find_event
-- One event of an account.
select time, type, source, event_id, correlation_id, causation_id, payload, position
from event where account_id = $1 and position = $2;

-- name: find_kin
-- What belongs together with an event, of an account or of the house.
select account_id, time, type, source, event_id, correlation_id, causation_id, payload, position
from event
where account_id = any($1::text[]) and correlation_id = $2
order by position
limit 500;
