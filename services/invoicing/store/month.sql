-- name: lock_accounts_of_range
-- Hold the accounts of a range: their use does not change while it is invoiced.
select count(*) from (
    select from account
    where account_id >= $1 and ($2::text is null or account_id < $2)
    order by account_id
    for no key update
) held;

-- name: find_earliest_open_use
-- Since when an account of a range has use that is not invoiced.
select least(
    (select min(closed_until) from account
     where account_id >= $1 and ($2::text is null or account_id < $2)),
    (select min(s.started_at) from account a join usage_segment s using (account_id)
     where a.account_id >= $1 and ($2::text is null or a.account_id < $2)
       and a.closed_until is null and s.final_invoice_id is null),
    (select min(m.month)::timestamp at time zone $3::text
     from (select month || '-01' as month from usage_month m where archived_at is null and exists (
         select from account a join usage_report u using (account_id)
         where a.account_id >= $1 and ($2::text is null or a.account_id < $2)
           and a.closed_until is null and u.month = m.month)
     ) m)
) as earliest;

-- name: issue_invoices
-- Invoice the use of some accounts in a stretch of time: their segments, at the prices and VAT in
-- force, the corrections that are due, and, with a month, what was reported of metered use, a line
-- each; close the month and say whose can't be.
-- What a meter of its product reports of a SKU is billed by reports and not by time. Time-weighted
-- reports count for their minutes. Cumulative ones add up over their month in the order of their
-- ends; each completes whole units, at the price then in force, and a late one those that it adds.
-- A report has the discount of the segment in which its use ended, which is looked for only where the
-- resource had more than one event.
-- $1, $2 the accounts, and $3 those to be left out; $4, $5 the stretch; $6 the period whose
-- corrections are due; $7 kind; $8 the period of the invoices, if they have one; $9 the only
-- resources, if not all; $10, $11 series and first number, by which invoices are named: what a range
-- adds then lies side by side in every index; $12, $13 when they are issued and due.
with account_due as (
    select account_id, currency, subunits, coalesce(closed_until, '-infinity') as closed_until
    from account
    where account_id >= $1 and ($2::text is null or account_id < $2)
      and account_id <> all ($3::text[])
      and ($7 <> 'usage' or closed_until is null or closed_until < $5)
), metered as materialized (
    select product, sku, valid_from, valid_to from meter_period
), used as (
    select s.account_id, s.resource_id, null::text as month, 1 as sign, s.version, c.position,
           s.product, c.sku, c.quantity, s.discount_rate, a.currency, a.subunits,
           greatest(s.started_at, $4::timestamptz, a.closed_until) as used_from,
           least(s.ended_at, $5::timestamptz) as used_to
    from account_due a
    join usage_segment s using (account_id)
    cross join lateral unnest(s.skus, s.quantities) with ordinality as c (sku, quantity, position)
    where s.started_at < $5 and coalesce(s.ended_at, 'infinity') > greatest($4, a.closed_until)
      and s.final_invoice_id is null and ($9::text[] is null or s.resource_id = any ($9))
      and not exists (
          select from metered m
          where m.product = s.product and m.sku = c.sku
            and m.valid_from <= greatest(s.started_at, $4, a.closed_until)
            and m.valid_to > greatest(s.started_at, $4, a.closed_until))
    union all
    select j.account_id, j.resource_id, j.month, j.sign, j.version, j.position, j.product, j.sku,
           j.quantity, j.discount_rate, a.currency, a.subunits, j.period_from, j.period_to
    from account_due a
    join adjustment j using (account_id)
    where j.period = $6 and j.final_invoice_id is null
      and ($9::text[] is null or j.resource_id = any ($9))
      and not exists (
          select from metered m
          where m.product = j.product and m.sku = j.sku
            and m.valid_from <= j.period_from and m.valid_to > j.period_from)
), counted as (
    select u.*, greatest(u.used_from, t.valid_from) as period_from,
           least(u.used_to, t.valid_to) as period_to, t.unit_price, t.price_minutes, t.vat_rate,
           t.vat_included
    from used u
    left join (select * from tariff offset 0) t
        on t.product = u.product and t.sku = u.sku and t.currency = u.currency
        and t.valid_from < u.used_to and t.valid_to > u.used_from
    where u.used_to > u.used_from
), reported as materialized (
    select u.account_id, u.resource_id, u.month, u.report_id, u.quantity, u.used_from, u.used_to,
           greatest(u.used_from, u.used_to - interval '1 microsecond') as used_at,
           r.product, coalesce(s.discount_rate, r.discount_rate) as discount_rate,
           r.discount_rate as present_rate, r.version, a.currency, a.subunits, m.aggregation,
           coalesce(m.sku, u.meter) as sku
    from (
        select * from usage_report
        where month = $8 and period = $8
          and account_id >= $1 and ($2::text is null or account_id < $2)
        union all
        select * from usage_report
        where month < $8 and period = $8 and period <> month
          and account_id >= $1 and ($2::text is null or account_id < $2)
    ) u
    join account a on a.account_id = u.account_id  -- not account_due, which has no index
    join resource r on r.account_id = u.account_id and r.resource_id = u.resource_id
    left join meter_period m on m.product = r.product and m.meter = u.meter
        and m.valid_from <= u.used_to and m.valid_to > u.used_to
    left join lateral (
        select discount_rate from usage_segment
        where r.version > 1 and account_id = u.account_id and resource_id = u.resource_id
          and started_at <= greatest(u.used_from, u.used_to - interval '1 microsecond')
        order by version desc limit 1
    ) s on true
    where $7 = 'usage' and a.account_id <> all ($3::text[])
      and (a.closed_until is null or a.closed_until < $5)
), weighted as (
    select u.account_id, u.resource_id, u.month, u.product, u.sku, u.discount_rate, u.currency,
           u.subunits, t.unit_price, t.price_minutes, t.vat_rate, t.vat_included,
           sum(u.quantity * m.minutes) as unit_minutes
    from reported u
    left join (select * from tariff offset 0) t
        on t.product = u.product and t.sku = u.sku and t.currency = u.currency
        and t.valid_from < u.used_to and t.valid_to > u.used_from
    cross join lateral (
        select (extract(epoch from date_trunc('minute', least(u.used_to, t.valid_to))
                                 - date_trunc('minute', greatest(u.used_from, t.valid_from)))
                / 60)::bigint as minutes
    ) m
    where u.aggregation is distinct from 'cumulative'
    group by u.account_id, u.resource_id, u.month, u.product, u.sku, u.discount_rate, u.currency,
             u.subunits, t.unit_price, t.price_minutes, t.vat_rate, t.vat_included
), added as (
    select c.*, u.quantity, coalesce(s.discount_rate, c.present_rate) as discount_rate,
           greatest(u.used_from, u.used_to - interval '1 microsecond') as used_at,
           sum(u.quantity) over (amounts) as total,
           case when u.period < $8
                then sum(u.quantity) filter (where u.period < $8) over (amounts) end as total_before
    from (
        select distinct account_id, resource_id, month, product, sku, present_rate, version,
               currency, subunits
        from reported where aggregation = 'cumulative'
    ) c
    join usage_report u on u.account_id = c.account_id and u.resource_id = c.resource_id
        and u.month = c.month and u.period <= $8
    join meter_period m on m.product = c.product and m.meter = u.meter and m.sku = c.sku
        and m.aggregation = 'cumulative' and m.valid_from <= u.used_to and m.valid_to > u.used_to
    left join lateral (
        select discount_rate from usage_segment
        where c.version > 1 and account_id = u.account_id and resource_id = u.resource_id
          and started_at <= greatest(u.used_from, u.used_to - interval '1 microsecond')
        order by version desc limit 1
    ) s on true
    window amounts as (partition by c.account_id, c.resource_id, c.month, c.sku
                       order by u.used_to, u.report_id)
), cumulated as (
    select u.account_id, u.resource_id, u.month, u.product, u.sku, u.discount_rate, u.currency,
           u.subunits, t.unit_price, t.vat_rate, t.vat_included,
           sum(floor(total) - floor(total - quantity)
               - coalesce(floor(total_before) - floor(total_before - quantity), 0)) as units
    from added u
    left join (select * from unit_tariff offset 0) t
        on t.product = u.product and t.sku = u.sku and t.currency = u.currency
        and t.valid_from <= u.used_at and t.valid_to > u.used_at
    group by u.account_id, u.resource_id, u.month, u.product, u.sku, u.discount_rate, u.currency,
             u.subunits, t.unit_price, t.vat_rate, t.vat_included
), measured as (
    select account_id, resource_id, month, product, sku, discount_rate, currency, subunits, 1 as sign,
           round(unit_minutes / price_minutes, 12) as quantity, unit_price, vat_rate, vat_included,
           prorated(unit_price, unit_minutes, discount_rate, 1, price_minutes, subunits) as amount
    from weighted where unit_minutes <> 0 or unit_price is null
    union all
    select account_id, resource_id, month, product, sku, discount_rate, currency, subunits,
           sign(units)::integer, abs(units), unit_price, vat_rate, vat_included,
           prorated(unit_price, abs(units), discount_rate, 1, 1, subunits)
    from cumulated where units <> 0
), line as materialized (
    select c.account_id, c.resource_id, c.month, c.sign, c.version, c.position, c.product, c.sku,
           c.quantity, c.discount_rate, c.currency, c.period_from, c.period_to, c.unit_price,
           c.vat_rate, c.vat_included, m.minutes, p.amount,
           vat_of(p.amount, vat_rate, vat_included) as vat
    from counted c
    cross join lateral (
        select (extract(epoch from period_to - period_from) / 60)::bigint as minutes
    ) m
    cross join lateral (
        select prorated(unit_price, quantity, discount_rate, m.minutes, price_minutes, subunits)
            as amount
    ) p
    union all
    select account_id, resource_id, nullif(month, $8), sign, 0, 0, product, sku, trim_scale(quantity),
           discount_rate, currency, null, null, unit_price, vat_rate, vat_included, null, amount,
           vat_of(amount, vat_rate, vat_included)
    from measured where quantity > 0 or quantity is null
), unbillable as (
    select account_id,
           case when bool_or(unit_price is null) then 'no_price' else 'amount_too_large' end
               as reason,
           coalesce(min(format('%s: %s %s in %s', resource_id, product, sku, currency))
                        filter (where unit_price is null),
                    format('%s in all', sum(amount))) as detail
    from line
    group by account_id
    having bool_or(unit_price is null) or sum(amount + vat) > 1e15
), billable as (
    select * from line where account_id not in (select account_id from unbillable)
), total as materialized (
    select account_id, resource_id, currency,
           'invoice:' || $10::text || '-'
               || lpad(($11::bigint + row_number() over numbers - 1)::text, 9, '0') as invoice_id,
           row_number() over numbers - 1 as place,
           min(period_from) filter (where month is null) as period_from,
           sum(sign * (amount - case when vat_included then vat else 0 end))::bigint as net,
           sum(sign * vat)::bigint as vat,
           sum(sign * (amount + case when vat_included then 0 else vat end))::bigint as gross
    from billable
    group by account_id, resource_id, currency
    window numbers as (order by account_id, resource_id)
), issued as (
    insert into invoice (invoice_id, series, number, account_id, resource_id, kind, period,
                         period_from, period_to, currency, net, vat, gross, issued_at, due_at)
    select invoice_id, $10, $11::bigint + place, account_id, resource_id, $7::text, $8::text,
           case when $7 = 'usage' then $4 else coalesce(period_from, $5) end, $5, currency,
           net, vat, gross, $12::timestamptz, $13::timestamptz
    from total
), lines as (
    insert into invoice_line (account_id, invoice_id, position, sku, description, quantity, minutes,
                              unit_price, discount_rate, amount, vat, vat_rate, vat_included,
                              period_from, period_to, month)
    select t.account_id, t.invoice_id,
           row_number() over (partition by t.invoice_id
                              order by b.month nulls first, b.version, b.position, b.period_from,
                                       b.sku, b.unit_price, b.discount_rate, b.sign),
           b.sku, r.name || ': ' || b.sku, b.quantity, b.minutes, b.unit_price,
           nullif(b.discount_rate, 0), b.sign * b.amount, b.sign * b.vat, b.vat_rate,
           b.vat_included, b.period_from, b.period_to, b.month
    from billable b
    join total t using (account_id, resource_id)
    join resource r on r.account_id = b.account_id and r.resource_id = b.resource_id
), stated as (
    insert into invoice_state (invoice_id, account_id, gross, paid, issued_at, due_at)
    select invoice_id, account_id, gross, 0, $12::timestamptz, $13::timestamptz from total
), closed as (
    update account a set closed_until = $5
    from account_due d
    where $7 = 'usage' and a.account_id = d.account_id
      and a.account_id >= $1 and ($2::text is null or a.account_id < $2)
      and a.account_id not in (select account_id from unbillable)
), quarantined as (
    insert into quarantine (account_id, period, reason, detail, since)
    select account_id, $8::text, reason, detail, $12::timestamptz from unbillable where $7 = 'usage'
    on conflict (account_id, period) do update
    set reason = excluded.reason, detail = excluded.detail, resolved_at = null
), resolved as (
    update quarantine q set resolved_at = $12
    from account_due d
    where $7 = 'usage' and q.account_id = d.account_id and q.period = $8 and q.resolved_at is null
      and q.account_id not in (select account_id from unbillable)
)
select (select count(*) from total)::integer as invoices,
       (select coalesce(array_agg(account_id), '{}') from unbillable) as unbillable;

-- name: conclude_final_invoices
-- Note which use and which corrections are on the final invoices with a run of numbers.
with final as (
    select i.invoice_id, i.account_id, i.resource_id, i.period_to,
           coalesce(a.closed_until, '-infinity') as closed_until
    from invoice i join account a using (account_id)
    where i.series = $1 and i.number >= $2 and i.number < $3
), adjusted as (
    update adjustment j set final_invoice_id = f.invoice_id
    from final f
    where j.account_id = f.account_id and j.resource_id = f.resource_id
      and j.period = $4 and j.final_invoice_id is null
)
update usage_segment s set final_invoice_id = f.invoice_id
from final f
where s.account_id = f.account_id and s.resource_id = f.resource_id
  and s.final_invoice_id is null and s.ended_at > f.closed_until
  and s.started_at < f.period_to;
