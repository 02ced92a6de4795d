-- name: reports_count_once
-- 11.5 Each usage report is counted once: every report has its key, and every key one report.
select resource_id || '/' || report_id as id, format('%s reports, %s keys', coalesce(u.reports, 0),
              coalesce(k.keys, 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from (
    select resource_id, report_id, month, count(*) as reports from invoicing.usage_report
    group by resource_id, report_id, month
) u
full join (select resource_id, report_id, month, 1 as keys from invoicing.usage_report_key) k
    using (resource_id, report_id, month)
where coalesce(u.reports, 0) <> 1 or k.keys is null;

-- name: metered_use_is_invoiced_once
-- 11.4 All that was reported of a month is on its account's invoices, once.
with reported as (
    select u.resource_id, u.month, r.product, m.sku, m.aggregation, sum(u.quantity) as quantity,
           sum(u.quantity * extract(epoch from date_trunc('minute', u.used_to)
                                             - date_trunc('minute', u.used_from)) / 60) as minutes
    from invoicing.usage_report u
    join invoicing.account a using (account_id)
    join invoicing.resource r using (resource_id)
    join invoicing.meter_period m on m.product = r.product and m.meter = u.meter
        and m.valid_from <= u.used_to and m.valid_to > u.used_to
    -- an account is closed until a month begins, in whichever time zone
    where u.period < to_char((a.closed_until + interval '15 hours') at time zone 'UTC', 'YYYY-MM')
    group by u.resource_id, u.month, r.product, m.sku, m.aggregation
), due as (
    select resource_id, month, sku,
           sum(case aggregation when 'cumulative' then floor(quantity)
                                else minutes / coalesce(p.price_minutes, 60) end) as quantity
    from reported
    left join (
        select product, sku, max(case per when '30d' then 43200 else 60 end) as price_minutes
        from invoicing.price group by product, sku
    ) p using (product, sku)
    group by resource_id, month, sku
), invoiced as (
    select v.resource_id, coalesce(l.month, v.period) as month, l.sku,
           sum(case when l.amount < 0 then -l.quantity else l.quantity end) as quantity
    from invoicing.invoice v join invoicing.invoice_line l using (account_id, invoice_id)
    where v.kind = 'usage' and l.minutes is null
    group by v.resource_id, coalesce(l.month, v.period), l.sku
)
select resource_id || '/' || month || '/' || sku as id,
       format('reported %s, invoiced %s', trim_scale(coalesce(d.quantity, 0)),
              trim_scale(coalesce(i.quantity, 0))) as detail,
       null::timestamptz as since, null::text as correlation_id
from due d
full join invoiced i using (resource_id, month, sku)
where round(coalesce(d.quantity, 0), 6) <> round(coalesce(i.quantity, 0), 6)
  and month not in (select month from invoicing.usage_month where archived_at is not null);
