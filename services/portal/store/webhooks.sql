-- name: find_listening
-- Those of these accounts that want to be told of what happens.
select distinct account_id from webhook_endpoint
where account_id = any($1::text[]) and disabled_at is null;

-- name: append_deliveries
-- Have events sent to each endpoint that wants them; each once.
insert into webhook_delivery (account_id, endpoint_id, event_id, type, body, give_up_at)
select e.account_id, e.endpoint_id, t.event_id, t.type, t.body,
       clock_timestamp() + make_interval(secs => $5)
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as t (account_id, event_id, type, body)
join webhook_endpoint e using (account_id)
where e.disabled_at is null and (e.event_types = '{}' or t.type = any(e.event_types))
order by e.account_id, e.endpoint_id, t.event_id
on conflict do nothing;

-- name: claim_deliveries
-- Lease deliveries that are due, a few an endpoint ($4 with $5 of them are on their way already), so
-- that a slow one holds up no other; endpoints are found by skipping through the index of what waits.
with recursive busy as (
    (select endpoint_id from webhook_delivery where state = 'waiting' order by endpoint_id limit 1)
    union all
    select (select d.endpoint_id from webhook_delivery d
            where d.state = 'waiting' and d.endpoint_id > b.endpoint_id
            order by d.endpoint_id limit 1)
    from busy b where b.endpoint_id is not null
), due as (
    select d.account_id, d.endpoint_id, d.event_id
    from busy b
    left join unnest($4::text[], $5::integer[]) as o (endpoint_id, on_their_way) using (endpoint_id)
    cross join lateral (
        select w.account_id, w.endpoint_id, w.event_id, w.due_at from webhook_delivery w
        where w.state = 'waiting' and w.endpoint_id = b.endpoint_id and w.due_at <= clock_timestamp()
        order by w.due_at limit greatest(0, $2 - coalesce(o.on_their_way, 0))
        for update skip locked
    ) d
    order by d.due_at
    limit $3
), claimed as (
    update webhook_delivery w set due_at = clock_timestamp() + make_interval(secs => $1)
    from due d
    where (w.account_id, w.endpoint_id, w.event_id) = (d.account_id, d.endpoint_id, d.event_id)
    returning w.account_id, w.endpoint_id, w.event_id, w.body
)
select c.*, e.url, e.secret,
       case when e.old_secret_until > clock_timestamp() then e.old_secret end as old_secret
from claimed c join webhook_endpoint e using (account_id, endpoint_id);

-- name: lock_endpoint
-- An endpoint, held: before its deliveries, so that none waits in a circle with its disabling.
select url, failing_since, clock_timestamp() as now from webhook_endpoint
where account_id = $1 and endpoint_id = $2
for no key update;

-- name: lock_delivery
-- A delivery that was tried, held.
select state, attempts, failures, give_up_at from webhook_delivery
where account_id = $1 and endpoint_id = $2 and event_id = $3
for no key update;

-- name: append_attempt
-- What came of a try.
insert into webhook_attempt (account_id, endpoint_id, event_id, attempt, at, took_ms, status, error,
                             answer)
values ($1, $2, $3, $4, clock_timestamp(), $5, $6, $7, $8);

-- name: save_delivered
-- An event has arrived; its endpoint works.
with delivered as (
    update webhook_delivery
    set state = 'delivered', attempts = attempts + 1, concluded_at = clock_timestamp()
    where account_id = $1 and endpoint_id = $2 and event_id = $3
)
update webhook_endpoint set failing_since = null
where account_id = $1 and endpoint_id = $2 and failing_since is not null;

-- name: save_tried
-- A try more of what has arrived already, or is given up.
update webhook_delivery set attempts = attempts + 1
where account_id = $1 and endpoint_id = $2 and event_id = $3;

-- name: save_undelivered
-- An event has not arrived: it is tried again after a pause, or, without one, given up.
with tried as (
    update webhook_delivery
    set attempts = attempts + 1, failures = failures + 1,
        state = case when $4::float8 is null then 'failed' else state end,
        concluded_at = case when $4::float8 is null then clock_timestamp() end,
        due_at = clock_timestamp() + make_interval(secs => coalesce($4::float8, 0))
    where account_id = $1 and endpoint_id = $2 and event_id = $3
)
update webhook_endpoint set failing_since = clock_timestamp()
where account_id = $1 and endpoint_id = $2 and failing_since is null;

-- name: disable_endpoint
-- Send nothing there any more; what waits is given up, and can be sent again by hand.
with disabled as (
    update webhook_endpoint set disabled_at = clock_timestamp(), disabled_because = $3
    where account_id = $1 and endpoint_id = $2 and disabled_at is null
    returning account_id, endpoint_id
), given_up as (
    update webhook_delivery w set state = 'failed', concluded_at = clock_timestamp()
    from disabled d
    where w.account_id = d.account_id and w.endpoint_id = d.endpoint_id and w.state = 'waiting'
)
select endpoint_id from disabled;

-- name: append_endpoint
-- An account wants to be told there.
insert into webhook_endpoint (account_id, endpoint_id, url, description, event_types, secret,
                              created_by, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict do nothing
returning endpoint_id;

-- name: lock_endpoints
-- Whoever adds an endpoint to this account too waits, so that two don't pass the limit together.
select pg_advisory_xact_lock(hashtextextended('cloudtill portal webhooks ' || $1, 0));

-- name: count_endpoints
-- How many endpoints an account has.
select count(*) from webhook_endpoint where account_id = $1;

-- name: find_endpoints
-- An account's endpoints.
select account_id, endpoint_id, url, description, event_types, created_by, created_at, failing_since,
       disabled_at, disabled_because
from webhook_endpoint where account_id = $1
order by created_at, endpoint_id;

-- name: find_endpoint
-- An endpoint of an account.
select account_id, endpoint_id, url, description, event_types, created_by, created_at, failing_since,
       disabled_at, disabled_because
from webhook_endpoint where account_id = $1 and endpoint_id = $2;

-- name: save_endpoint
-- Change where, or of what, an account is told; null is as it was.
update webhook_endpoint
set url = coalesce($3, url), description = coalesce($4, description),
    event_types = coalesce($5::text[], event_types)
where account_id = $1 and endpoint_id = $2
returning endpoint_id;

-- name: enable_endpoint
-- Send there again.
update webhook_endpoint set disabled_at = null, disabled_because = null, failing_since = null
where account_id = $1 and endpoint_id = $2 and disabled_at is not null;

-- name: save_secret
-- Sign with another secret; with the old one too for a while.
update webhook_endpoint
set old_secret = secret, old_secret_until = clock_timestamp() + make_interval(secs => $4), secret = $3
where account_id = $1 and endpoint_id = $2
returning endpoint_id;

-- name: remove_endpoint
-- An account wants nothing there any more; its log goes with it.
delete from webhook_endpoint where account_id = $1 and endpoint_id = $2 returning endpoint_id;

-- name: list_deliveries
-- What was sent to an endpoint, the latest first, from a place on.
select d.event_id, d.type, d.state, d.attempts, d.created_at, d.concluded_at,
       case when d.state = 'waiting' then d.due_at end as due_at, a.status, a.error
from webhook_delivery d
left join webhook_attempt a
  on (a.account_id, a.endpoint_id, a.event_id, a.attempt)
   = (d.account_id, d.endpoint_id, d.event_id, d.attempts)
where d.account_id = $1 and d.endpoint_id = $2
  and ($3::text is null or d.state = $3) and ($4::text is null or d.type = $4)
  and (d.created_at, d.event_id) < (coalesce($5::timestamptz, 'infinity'), coalesce($6::text, ''))
order by d.created_at desc, d.event_id desc
limit $7;

-- name: find_delivery
-- What was sent to an endpoint of one event.
select d.event_id, d.type, d.state, d.attempts, d.created_at, d.concluded_at, d.body,
       case when d.state = 'waiting' then d.due_at end as due_at, a.status, a.error
from webhook_delivery d
left join webhook_attempt a
  on (a.account_id, a.endpoint_id, a.event_id, a.attempt)
   = (d.account_id, d.endpoint_id, d.event_id, d.attempts)
where d.account_id = $1 and d.endpoint_id = $2 and d.event_id = $3;

-- name: find_attempts
-- What came of each try, the first first.
select attempt, at, took_ms, status, error, answer from webhook_attempt
where account_id = $1 and endpoint_id = $2 and event_id = $3
order by attempt
limit 200;

-- name: deliver_again
-- Send an event once more, now, and again as if it were new; not to where nothing is sent.
update webhook_delivery d
set state = 'waiting', concluded_at = null, failures = 0, due_at = clock_timestamp(),
    give_up_at = clock_timestamp() + make_interval(secs => $4)
from webhook_endpoint e
where d.account_id = $1 and d.endpoint_id = $2 and d.event_id = $3
  and e.account_id = d.account_id and e.endpoint_id = d.endpoint_id and e.disabled_at is null
returning d.event_id;

-- name: forget_deliveries
-- The log of times long past.
delete from webhook_delivery where created_at < clock_timestamp() - make_interval(days => $1);
