-- name: lock_resources
-- Resources, held in a fixed order while orders and events change them.
select resource_id, account_id, product, name, user_type, state, components, starts_at, ends_at,
       auto_renew_months, auto_renew_set_at, renewal_tried_at, next_renewal_at, version, busy_with,
       in_trash, poc
from resource where resource_id = any($1::text[])
order by resource_id
for no key update;

-- name: find_resources
-- Resources as they are, for whoever only asks.
select resource_id, account_id, product, name, user_type, state, components, starts_at, ends_at,
       auto_renew_months, auto_renew_set_at, renewal_tried_at, next_renewal_at, version, busy_with,
       in_trash, poc
from resource where resource_id = any($1::text[]);

-- name: find_pieces
-- The live pieces of resources' terms.
select resource_id, order_id, item_id, starts_at, ends_at, paid, vat_rate
from term_piece where resource_id = any($1::text[]) and ended_at is null
order by resource_id, starts_at, order_id, item_id;

-- name: append_resources
-- Resources that orders are about to create; each is busy with its order.
insert into resource (resource_id, account_id, product, name, user_type, state, components,
                      auto_renew_months, busy_with, poc)
select resource_id, account_id, product, name, user_type, 'new', components, auto_renew_months,
       busy_with, poc
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::integer[],
            $8::text[], $9::text[])
    as t (resource_id, account_id, product, name, user_type, components, auto_renew_months,
          busy_with, poc)
order by resource_id;

-- name: keep_busy
-- Orders are under way for these resources.
update resource r set busy_with = t.order_id
from unnest($1::text[], $2::text[]) as t (resource_id, order_id)
where r.resource_id = t.resource_id;

-- name: end_busy
-- These orders came to nothing for these resources; one that was to be created never was.
update resource r
set busy_with = null, state = case when r.state = 'new' then 'failed' else r.state end
from unnest($1::text[], $2::text[]) as t (resource_id, order_id)
where r.resource_id = t.resource_id and r.busy_with = t.order_id;

-- name: save_resources
-- Resources as they became.
update resource r
set user_type = t.user_type, state = t.state, components = t.components, starts_at = t.starts_at,
    ends_at = t.ends_at, version = t.version, busy_with = t.busy_with, in_trash = t.in_trash,
    auto_renew_months = t.auto_renew_months, auto_renew_set_at = t.auto_renew_set_at,
    renewal_tried_at = t.renewal_tried_at, next_renewal_at = t.next_renewal_at, poc = t.poc
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[],
            $7::timestamptz[], $8::integer[], $9::text[], $10::boolean[], $11::integer[],
            $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::text[])
    as t (account_id, resource_id, user_type, state, components, starts_at, ends_at, version, busy_with,
          in_trash, auto_renew_months, auto_renew_set_at, renewal_tried_at, next_renewal_at, poc)
where r.account_id = t.account_id and r.resource_id = t.resource_id;

-- name: end_pieces
-- Pieces that are over because the configuration changed or the resource was given up.
update term_piece p set ended_at = t.at
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
    as t (account_id, order_id, item_id, at)
where p.account_id = t.account_id and p.order_id = t.order_id and p.item_id = t.item_id
  and p.ended_at is null;

-- name: append_pieces
-- What was paid for which stretch of a term.
insert into term_piece (account_id, resource_id, order_id, item_id, starts_at, ends_at, paid,
                        vat_rate)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
                     $6::timestamptz[], $7::bigint[], $8::numeric[]);

-- name: end_auto_renewal
-- Accounts that became postpaid renew nothing any more (domain 10).
update resource r
set auto_renew_months = null, next_renewal_at = null,
    auto_renew_set_at = greatest(r.auto_renew_set_at, t.at)
from unnest($1::text[], $2::timestamptz[]) as t (account_id, at)
where r.account_id = t.account_id and r.user_type = 'prepaid'
  and r.state not in ('deleted', 'failed')
  and (r.auto_renew_set_at is null or r.auto_renew_set_at < t.at);

-- name: show_resource
-- A resource, for people.
select resource_id, account_id, product, name, user_type, state, components, starts_at, ends_at,
       auto_renew_months, poc, busy_with
from resource where resource_id = $1;

-- name: show_resources
-- An account's resources, a page at a time.
select resource_id, product, name, user_type, state, starts_at, ends_at
from resource
where account_id = $1 and resource_id > coalesce($2::text, '')
order by resource_id
limit $3;

-- name: show_pieces
-- What was paid for a resource's term, for people.
select order_id, starts_at, ends_at, paid, ended_at
from term_piece where resource_id = $1 order by starts_at, ended_at;
