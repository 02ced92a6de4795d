-- name: expire_renewals
-- What has expired is not renewed any more.
with expired as materialized (
    select account_id, resource_id from resource
    where next_renewal_at <= $1 and ends_at <= $1
    order by resource_id
    for no key update
)
update resource r set next_renewal_at = null
from expired where r.account_id = expired.account_id and r.resource_id = expired.resource_id;

-- name: find_due_renewals
-- The first due renewal of each account that has none under way.
select distinct on (r.account_id) r.resource_id
from resource r
where r.next_renewal_at <= $1 and r.busy_with is null
  and ($2::text[] is null or r.account_id = any($2))
  and not exists (
      select from renewal_attempt a where a.account_id = r.account_id and a.outcome is null
  )
order by r.account_id, r.ends_at, r.resource_id
limit $3;

-- name: append_attempts
-- Renewals that are tried; those that come back have no other of their account before them.
insert into renewal_attempt (resource_id, ends_at, at, account_id, order_id, made_at)
select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[],
                     $6::timestamptz[])
on conflict do nothing
returning order_id;

-- name: conclude_attempts
-- How tries ended; those that come back had not ended before.
update renewal_attempt a set outcome = t.outcome, reason = t.reason
from unnest($1::text[], $2::text[], $3::text[]) as t (order_id, outcome, reason)
where a.order_id = t.order_id and a.outcome is null
returning a.order_id, a.account_id, a.resource_id, a.ends_at;

-- name: lapse_attempts
-- Tries of which nothing was heard for a day don't stand in the way of others.
update renewal_attempt set outcome = 'lapsed'
where outcome is null and made_at < $1::timestamptz - interval '1 day';

-- name: take_reminders
-- Prepaid resources that end within a week, or that ended and are not released, each once a day.
with due as (
    select account_id, resource_id
    from resource r
    where user_type = 'prepaid' and state in ('active', 'stopped', 'suspended')
      and ends_at <= $1::timestamptz + interval '7 days'
      and (reminded_on is null or reminded_on < $2::date)
      and (state <> 'suspended' or not in_trash or exists (
          select from term_piece p
          where p.account_id = r.account_id and p.resource_id = r.resource_id and p.ended_at is null
      ) or poc = 'ended')
    order by resource_id
    limit $3
    for no key update
)
update resource r set reminded_on = $2::date
from due where r.account_id = due.account_id and r.resource_id = due.resource_id
returning r.account_id, r.resource_id, r.product, r.name, r.state, r.ends_at, r.auto_renew_months,
          r.poc;

-- name: show_attempts
-- The automatic renewals of a resource, for people.
select order_id, at, ends_at, coalesce(outcome, 'under way') as outcome, reason
from renewal_attempt where resource_id = $1 order by at;
