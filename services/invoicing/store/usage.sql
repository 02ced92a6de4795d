-- name: lock_resources
-- The resources with these ids and the segment that each is running in, held in a fixed order.
select r.resource_id, r.account_id, r.product, r.name, r.version, r.order_id, r.item_id,
       r.discount_rate, r.ends_at, r.poc, s.version as segment_version, s.skus, s.quantities,
       s.discount_rate as segment_discount_rate, s.started_at
from resource r
left join usage_segment s
    on s.account_id = r.account_id and s.resource_id = r.resource_id and s.ended_at is null
where r.resource_id = any($1::text[])
order by r.resource_id
for no key update of r;

-- name: save_resources
-- What was applied last of each resource.
insert into resource (resource_id, account_id, product, name, version, order_id, item_id,
                      discount_rate, ends_at, poc)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                     $7::text[], $8::numeric[], $9::timestamptz[], $10::text[])
on conflict (account_id, resource_id) do update
set name = excluded.name, version = excluded.version, discount_rate = excluded.discount_rate,
    ends_at = excluded.ends_at, poc = excluded.poc
where excluded.version > resource.version;

-- name: end_segments
-- Use that ended.
update usage_segment s
set ended_at = t.ended_at
from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[])
    as t (account_id, resource_id, version, ended_at)
where s.account_id = t.account_id and s.resource_id = t.resource_id and s.version = t.version
  and s.ended_at is null;

-- name: append_segments
-- Use that began, and may have ended again; components come as one list, each with its segment's place.
insert into usage_segment (account_id, resource_id, version, product, discount_rate, started_at,
                           ended_at, skus, quantities)
select s.account_id, s.resource_id, s.version, s.product, s.discount_rate, s.started_at, s.ended_at,
       coalesce(c.skus, '{}'), coalesce(c.quantities, '{}')
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::numeric[], $6::timestamptz[],
            $7::timestamptz[]) with ordinality
    as s (account_id, resource_id, version, product, discount_rate, started_at, ended_at, place)
left join (
    select place, array_agg(sku order by position) as skus,
           array_agg(quantity order by position) as quantities
    from unnest($8::bigint[], $9::text[], $10::numeric[]) with ordinality
        as c (place, sku, quantity, position)
    group by place
) c using (place)
order by s.place;

-- name: append_adjustments
-- Corrections of invoiced months, for the next month's run.
insert into adjustment (account_id, resource_id, version, position, period, month, sign, product,
                        sku, quantity, discount_rate, period_from, period_to)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::text[], $6::text[],
                     $7::smallint[], $8::text[], $9::text[], $10::numeric[], $11::numeric[],
                     $12::timestamptz[], $13::timestamptz[]);
