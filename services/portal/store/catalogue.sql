-- name: find_products
-- Products as in force at a time, or one of them, by name.
select * from (
    select distinct on (product) product, name, actions, refundable, expiry_policy, trash_days,
           use_priced
    from product
    where effective_from <= $1 and ($2::text is null or product = $2)
    order by product, effective_from desc
) p
order by lower(name), product
limit 500;

-- name: find_prices
-- Prices in a currency as in force at a time, of all products or one.
select distinct on (product, sku) product, sku, unit_price, per
from price
where currency = $1 and effective_from <= $2 and ($3::text is null or product = $3)
order by product, sku, effective_from desc
limit 5000;
