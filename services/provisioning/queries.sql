-- name: append_product_versions
-- Versions of products as they were published; one that is known stays as it is.
insert into product_version (product, effective_from, published_at, message_id, driver,
                             driver_options, expiry_policy, trash_days, metered)
select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[],
                     $6::jsonb[], $7::text[], $8::integer[], $9::boolean[])
on conflict do nothing;

-- name: find_product_versions
-- All versions of these products.
select product, effective_from, published_at, message_id, driver, driver_options, expiry_policy,
       trash_days, metered
from product_version
where product = any($1::text[]);

-- name: open_resources
-- Resources that are about to be asked for; ids that are taken stay as they are. Whoever makes some
-- shares the lock of their accounts first, of 256 so that a large group has room: a switch can't see
-- them before the commit. The statements after this one see a switch that had the lock.
with shared as materialized (
    select count(pg_advisory_xact_lock_shared(hashtext('provisioning account'), place)) as locks
    from (
        select distinct hashtext(account_id) & 255 as place
        from unnest($2::text[]) as a (account_id)
        order by place
    ) a
)
insert into resource (resource_id, account_id, product, name, user_type, state, components,
                      open_request, poc)
select r.*
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::jsonb[], $8::text[], $9::text[]) as r
cross join shared
on conflict do nothing;

-- name: lock_resources
-- These resources, locked in a fixed order so that two workers never deadlock.
select resource_id, account_id, product, name, user_type, state, components, suspended_by,
       starts_at, ends_at, version, open_request, next_step, next_due_at, poc
from resource
where resource_id = any($1::text[])
order by resource_id
for no key update;

-- name: lock_resources_of_requests
-- The resources of these requests, locked in a fixed order.
select resource_id, account_id, product, name, user_type, state, components, suspended_by,
       starts_at, ends_at, version, open_request, next_step, next_due_at, poc
from resource
where resource_id in (select resource_id from request where request_id = any($1::text[]))
order by resource_id
for no key update;

-- name: lock_due_resources
-- Resources to which something is due by an instant, or whose driver's time limit is over, locked
-- in a fixed order; the longest due first, so many of each at most.
select resource_id, account_id, product, name, user_type, state, components, suspended_by,
       starts_at, ends_at, version, open_request, next_step, next_due_at, poc
from resource
where resource_id in (
    (select resource_id from resource
     where next_due_at <= $1 and open_request is null order by next_due_at limit $2)
    union
    (select resource_id from request
     where deadline < $1 and outcome is null order by deadline limit $2)
)
order by resource_id
for no key update;

-- name: find_overdue_requests
-- The open requests of these locked resources whose time limit was over before an instant.
select request_id, resource_id, account_id, action, order_id, item, payment_id, correlation_id,
       driver, asked_at, deadline, outcome, concluded_at, details
from request
where outcome is null and deadline < $1 and resource_id = any($2::text[])
order by deadline, request_id;

-- name: lock_accounts
-- Wait until nobody is making resources of these accounts, and let nobody make any to the commit.
select count(pg_advisory_xact_lock(hashtext('provisioning account'), place))
from (
    select distinct hashtext(account_id) & 255 as place
    from unnest($1::text[]) as a (account_id)
    order by place
) a;

-- name: append_switches
-- Switches of accounts' user types.
insert into account_switch (account_id, at, message_id, user_type)
select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[])
on conflict do nothing;

-- name: find_switches
-- All switches of these accounts.
select account_id, at, message_id, user_type
from account_switch where account_id = any($1::text[]);

-- name: lock_switched_resources
-- The resources of accounts that are not gone, locked in a fixed order. Also those on which a switch
-- has no effect as they are: whoever just ends or provisions one may not know of the switch.
select resource_id, account_id, product, name, user_type, state, components, suspended_by,
       starts_at, ends_at, version, open_request, next_step, next_due_at, poc
from resource
where account_id = any($1::text[]) and state not in ('deleted', 'failed')
order by resource_id
for no key update;

-- name: save_resources
-- What became of locked resources.
update resource r
set user_type = t.user_type, state = t.state, components = t.components,
    suspended_by = t.suspended_by, starts_at = t.starts_at, ends_at = t.ends_at,
    version = t.version, open_request = t.open_request, next_step = t.next_step,
    next_due_at = t.next_due_at, poc = t.poc, changed_at = now()
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[],
            $7::timestamptz[], $8::timestamptz[], $9::integer[], $10::text[], $11::text[],
            $12::timestamptz[], $13::text[])
    as t (account_id, resource_id, user_type, state, components, suspended_by, starts_at, ends_at, version,
          open_request, next_step, next_due_at, poc)
where r.account_id = t.account_id and r.resource_id = t.resource_id;

-- name: find_ordered
-- Those of these items of orders that were asked for before.
select order_id, item_id
from request
join unnest($1::text[], $2::text[]) as t (order_id, item_id) using (order_id, item_id);

-- name: find_requests
-- These requests. Their resources are locked, so that nobody else concludes them.
select request_id, resource_id, account_id, action, order_id, item, payment_id, correlation_id,
       driver, asked_at, deadline, outcome, concluded_at, details
from request
where request_id = any($1::text[]);

-- name: save_requests
-- What was asked of drivers, and how it ended; a second outcome is refused by the table.
insert into request (request_id, resource_id, account_id, action, order_id, item_id, item,
                     payment_id, correlation_id, driver, asked_at, deadline, outcome, concluded_at,
                     details)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::jsonb[], $8::text[], $9::text[], $10::text[], $11::timestamptz[],
                     $12::timestamptz[], $13::text[], $14::timestamptz[], $15::jsonb[])
on conflict (account_id, request_id) do update
set outcome = excluded.outcome, concluded_at = excluded.concluded_at, details = excluded.details;

-- name: show_resource
-- One resource, for people.
select resource_id, account_id, product, name, user_type, state, suspended_by, components,
       starts_at, ends_at, version, open_request, next_step, next_due_at, poc
from resource where resource_id = $1;

-- name: show_requests
-- What was asked for a resource, oldest first, for people.
select request_id, action, order_id, payment_id, driver, asked_at, deadline, outcome, concluded_at,
       details
from request where resource_id = $1 order by asked_at, request_id limit $2;

-- name: show_resources
-- An account's resources, for people, a page at a time.
select resource_id, product, name, user_type, state, starts_at, ends_at
from resource
where account_id = $1 and resource_id > coalesce($2, '')
order by resource_id
limit $3;
