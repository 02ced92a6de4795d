-- name: save_products
-- Policies, each from a date on; what was published later for the same date counts.
insert into product_version (product, effective_from, published_at, name, vat_rate, vat_included,
                             refundable, expiry_policy, trash_days, renew_attempt_days, actions,
                             use_priced, metered_skus)
select product, effective_from, published_at, name, vat_rate, vat_included, refundable,
       expiry_policy, trash_days, renew_attempt_days, actions, use_priced, metered_skus
from jsonb_to_recordset($1::jsonb)
    as t (product text, effective_from timestamptz, published_at timestamptz, name text,
          vat_rate numeric, vat_included boolean, refundable boolean, expiry_policy text,
          trash_days integer, renew_attempt_days integer[], actions text[], use_priced boolean,
          metered_skus text[])
order by product, effective_from
on conflict (product, effective_from) do update
set published_at = excluded.published_at, name = excluded.name, vat_rate = excluded.vat_rate,
    vat_included = excluded.vat_included, refundable = excluded.refundable,
    expiry_policy = excluded.expiry_policy, trash_days = excluded.trash_days,
    renew_attempt_days = excluded.renew_attempt_days, actions = excluded.actions,
    use_priced = excluded.use_priced, metered_skus = excluded.metered_skus
where excluded.published_at >= product_version.published_at;

-- name: save_prices
-- Prices, each from a date on; what was published later for the same date counts.
insert into price (product, sku, currency, effective_from, published_at, unit_price, per)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
                     $6::numeric[], $7::text[])
on conflict (product, sku, currency, effective_from) do update
set published_at = excluded.published_at, unit_price = excluded.unit_price, per = excluded.per
where excluded.published_at >= price.published_at;

-- name: save_discounts
-- Discounts by contract, each from a date on; what was published later for the same date counts.
insert into discount (account_id, product, effective_from, published_at, rate, granted_by)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::numeric[],
                     $6::text[])
on conflict (account_id, product, effective_from) do update
set published_at = excluded.published_at, rate = excluded.rate, granted_by = excluded.granted_by
where excluded.published_at >= discount.published_at;

-- name: save_coupons
-- Coupons; published again, they keep the count of their uses.
insert into coupon (code, kind, value, products, valid_until, account_id, max_uses, published_at)
select code, kind, value, products, valid_until, account_id, max_uses, published_at
from jsonb_to_recordset($1::jsonb)
    as t (code text, kind text, value numeric, products text[], valid_until timestamptz,
          account_id text, max_uses integer, published_at timestamptz)
order by code
on conflict (code) do update
set kind = excluded.kind, value = excluded.value, products = excluded.products,
    valid_until = excluded.valid_until, account_id = excluded.account_id,
    max_uses = case when excluded.max_uses is not null
                    then greatest(excluded.max_uses, coupon.uses) end,
    published_at = excluded.published_at
where excluded.published_at >= coupon.published_at;

-- name: find_products
-- All versions of these products.
select product, effective_from, name, vat_rate, vat_included, refundable, expiry_policy,
       trash_days, renew_attempt_days, actions, use_priced, metered_skus
from product_version where product = any($1::text[]);

-- name: find_prices
-- All versions of the prices of these SKUs of products.
select product, sku, currency, effective_from, unit_price, per
from price where product = any($1::text[]) and sku = any($2::text[]);

-- name: find_discounts
-- All versions of these accounts' discounts.
select account_id, product, effective_from, rate from discount where account_id = any($1::text[]);

-- name: lock_coupons
-- Coupons, held while orders use them.
select code, kind, value, products, valid_until, account_id, max_uses - uses as uses_left
from coupon where code = any($1::text[])
order by code
for no key update;

-- name: find_coupons
-- Coupons as they are, for whoever only asks.
select code, kind, value, products, valid_until, account_id, max_uses - uses as uses_left
from coupon where code = any($1::text[]);

-- name: use_coupons
-- Orders use coupons.
with used as (
    insert into coupon_use (code, account_id, order_id)
    select * from unnest($1::text[], $2::text[], $3::text[])
    returning code
)
update coupon c set uses = c.uses + u.uses
from (select code, count(*)::integer as uses from used group by code) u
where c.code = u.code;

-- name: give_back_coupons
-- Orders that came to nothing give back the use of their coupon; coupons are held in a fixed order.
with ended as (
    select * from unnest($1::text[], $2::text[]) as t (account_id, order_id)
), held as materialized (
    select code from coupon
    where code in (select u.code from coupon_use u join ended e using (account_id, order_id))
    order by code
    for no key update
), given_back as (
    update coupon_use u set given_back_at = now()
    from ended e
    where u.account_id = e.account_id and u.order_id = e.order_id and u.given_back_at is null
      and u.code in (select code from held)
    returning u.code
)
update coupon c set uses = c.uses - g.uses
from (select code, count(*)::integer as uses from given_back group by code) g
where c.code = g.code;
