-- name: save_accounts
-- Newly registered accounts; those that exist stay as they are.
insert into account (account_id, currency, subunits)
select * from unnest($1::text[], $2::text[], $3::bigint[])
on conflict (account_id) do nothing;

-- name: find_accounts
-- The accounts with these ids.
select account_id, currency, closed_until from account where account_id = any($1::text[]);

-- name: lock_accounts
-- The accounts with these ids, held so that no month's run closes them meanwhile.
select account_id, currency, closed_until from account where account_id = any($1::text[])
order by account_id
for share;

-- name: save_products
-- Products' VAT and meters, each from a date on; what was published later for the same date counts.
insert into product_version (product, effective_from, published_at, vat_rate, vat_included, meters,
                             use_priced)
select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::numeric[], $5::boolean[],
                     $6::jsonb[], $7::boolean[])
on conflict (product, effective_from) do update
set published_at = excluded.published_at, vat_rate = excluded.vat_rate,
    vat_included = excluded.vat_included, meters = excluded.meters,
    use_priced = excluded.use_priced
where excluded.published_at >= product_version.published_at;

-- name: save_prices
-- Prices, each from a date on; what was published later for the same date counts.
insert into price (product, sku, currency, effective_from, published_at, unit_price, per)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
                     $6::numeric[], $7::text[])
on conflict (product, sku, currency, effective_from) do update
set published_at = excluded.published_at, unit_price = excluded.unit_price, per = excluded.per
where excluded.published_at >= price.published_at;
