-- name: find_news
-- What was heard after a position, and of positions that were passed over before they were committed.
select position, account_id, type from event
where position > $1 or position = any($2::bigint[])
order by position
limit $3;

-- name: get_position
-- The last position of all.
select coalesce(max(position), 0) from event;

-- name: get_account_position
-- The last position of an account.
select coalesce(max(position), 0) from event where account_id = $1;

-- name: find_types_after
-- What happened to an account after a position.
select position, type from event
where account_id = $1 and position > $2
order by position
limit 500;

-- name: find_chain
-- What belongs together with an act of an account, in the order in which it was heard.
select time, type, source, event_id, correlation_id, causation_id, payload, position
from event
where correlation_id = $2 and account_id = $1
order by position
limit 500;

-- name: find_events
-- An account's timeline, newest first, from a place on.
select time, type, source, event_id, correlation_id, causation_id, payload, position
from event
where account_id = $1
  and ($2::timestamptz is null or (time, position) < ($2, $3::bigint))
order by time desc, position desc
limit $4;
