-- name: find_uses
-- A resource's stretches of use and corrections of invoiced months, each component by itself.
select s.version, c.sku, c.quantity, s.discount_rate, s.started_at as start, s.ended_at as end,
       null::text as month, 1 as sign
from usage_segment s
cross join lateral unnest(s.skus, s.quantities) as c (sku, quantity)
where s.account_id = $1 and s.resource_id = $2
union all
select version, sku, quantity, discount_rate, period_from, period_to, month, sign
from adjustment where account_id = $1 and resource_id = $2
order by version, start;

-- name: find_tariffs
-- What a resource's product costs in a currency: every price version, for time and for units.
select sku, nullif(valid_from, '-infinity') as start, nullif(valid_to, 'infinity') as end,
       unit_price, price_minutes, vat_rate, vat_included
from tariff
where product = (select product from resource where resource_id = $1) and currency = $2
  and unit_price is not null
union all
select sku, nullif(valid_from, '-infinity'), nullif(valid_to, 'infinity'), unit_price, null, vat_rate,
       vat_included
from unit_tariff
where product = (select product from resource where resource_id = $1) and currency = $2
  and unit_price is not null
order by sku, start nulls first;

-- name: find_reports
-- What was reported of a resource's metered use in the months of an invoice's lines, with the discount
-- of the segment in which it ended.
select u.report_id, m.sku, m.aggregation, u.quantity, u.used_from, u.used_to, u.month, u.period,
       coalesce(s.discount_rate, r.discount_rate) as discount_rate
from usage_report u
join resource r using (account_id, resource_id)
join meter_period m on m.product = r.product and m.meter = u.meter
    and m.valid_from <= u.used_to and m.valid_to > u.used_to
left join lateral (
    select discount_rate from usage_segment
    where account_id = u.account_id and resource_id = u.resource_id
      and started_at <= greatest(u.used_from, u.used_to - interval '1 microsecond')
    order by version desc limit 1
) s on true
where u.account_id = $1 and u.resource_id = $2 and u.month = any ($3::text[]);

-- name: find_pieces
-- What was bought for a prepaid resource on its invoices: lines of 0 or more, less coupons.
select i.series || '-' || lpad(i.number::text, greatest(7, length(i.number::text)), '0') as number,
       i.period_from as start, i.period_to as end,
       (sum(l.amount + case when l.vat_included then 0 else l.vat end) - i.discount)::bigint as paid
from invoice i join invoice_line l using (account_id, invoice_id)
where i.account_id = $1 and i.resource_id = $2 and i.kind = 'prepaid' and l.amount >= 0
group by i.account_id, i.issued_at, i.invoice_id
order by i.issued_at;

-- name: find_subunits
-- The smallest units of an account's currency.
select subunits from account where account_id = $1;
