-- name: append_switches
-- Which user types accounts have from an instant on.
insert into account_switch (account_id, at, user_type)
select * from unnest($1::text[], $2::timestamptz[], $3::text[])
on conflict do nothing;

-- name: find_user_types
-- The user types of accounts, each at an instant.
select q.account_id, q.at, coalesce(
           (select s.user_type from account_switch s
            where s.account_id = q.account_id and s.at <= q.at
            order by s.at desc limit 1),
           'prepaid'
       ) as user_type
from unnest($1::text[], $2::timestamptz[]) as q (account_id, at);

-- name: append_holds
-- Holds of resources that begin; one that is there stays as it is.
insert into credit_hold (account_id, resource_id, number, asked, asked_at, answer, held)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::timestamptz[],
                     $6::text[], $7::bigint[])
order by 1, 2
on conflict do nothing;

-- name: lock_holds
-- The holds of these resources, held in a fixed order.
select account_id, resource_id, number, asked, asked_at, answer, held, short_since, noticed_on,
       suspension, payment_id, ended
from credit_hold where resource_id = any ($1::text[])
order by account_id, resource_id
for no key update;

-- name: lock_holds_of_payments
-- The holds that just pay invoices by these payments, held in a fixed order.
select account_id, resource_id, number, asked, asked_at, answer, held, short_since, noticed_on,
       suspension, payment_id, ended
from credit_hold where payment_id = any ($1::text[])
order by account_id, resource_id
for no key update;

-- name: save_holds
-- Holds as they became.
update credit_hold h
set number = t.number, asked = t.asked, asked_at = t.asked_at, answer = t.answer, held = t.held,
    short_since = t.short_since, noticed_on = t.noticed_on, suspension = t.suspension,
    payment_id = t.payment_id, ended = t.ended, changed_at = now()
from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::timestamptz[], $6::text[],
            $7::bigint[], $8::timestamptz[], $9::date[], $10::text[], $11::text[], $12::boolean[])
    as t (account_id, resource_id, number, asked, asked_at, answer, held, short_since, noticed_on, suspension,
          payment_id, ended)
where h.account_id = t.account_id and h.resource_id = t.resource_id;

-- name: cut_accounts
-- Cut the accounts with holds, and those that were switched and may have use without one, into ranges
-- of $1 at most; the last one has no end.
select first_account, lead(first_account) over (order by first_account) as next_account
from (
    select account_id as first_account, row_number() over (order by account_id) - 1 as place
    from (
        select account_id from credit_hold where not ended
        union
        select account_id from account_switch where user_type = 'prepaid'
    ) concerned
) counted
where place % $1::integer = 0
order by first_account;

-- name: open_missing_holds
-- Begin empty holds for the use-priced resources of a range of accounts that were switched to prepaid
-- by $3 and have none.
insert into credit_hold (account_id, resource_id, number, asked, asked_at, answer, held)
select s.account_id, s.resource_id, 0, 0, $3, 'held', 0
from (
    select distinct on (account_id) account_id, user_type from account_switch
    where account_id >= $1 and ($2::text is null or account_id < $2) and at <= $3
    order by account_id, at desc
) w
join usage_segment s on s.account_id = w.account_id and s.ended_at is null
where w.user_type = 'prepaid'
  and (select v.use_priced from product_version v
       where v.product = s.product and v.effective_from <= $3
       order by v.effective_from desc limit 1)
order by 1, 2
on conflict do nothing;

-- name: find_open_holds
-- The resources of a range of accounts with a hold.
select resource_id from credit_hold
where account_id >= $1 and ($2::text is null or account_id < $2) and not ended
order by account_id, resource_id;

-- name: find_holds_of_accounts
-- The resources of these accounts with a hold; with $2 only those for which credit is short.
select account_id, resource_id from credit_hold
where account_id = any ($1::text[]) and not ended and (not $2 or short_since is not null)
order by account_id, resource_id;

-- name: find_invoices_to_pay
-- The oldest open usage invoices, issued at $4 or later, of resources whose holds could pay them: of a
-- range of accounts ($1, $2), or of these resources ($3).
select h.resource_id, open.invoice_id
from credit_hold h
cross join lateral (
    select i.invoice_id
    from invoice i join invoice_state s using (account_id, invoice_id)
    where i.account_id = h.account_id and i.resource_id = h.resource_id and i.kind = 'usage' and i.issued_at >= $4
      and s.paid + s.credited + s.reserved < s.gross
    order by i.period
    limit 1
) open
where h.account_id >= $1 and ($2::text is null or h.account_id < $2)
  and ($3::text[] is null or h.resource_id = any ($3)) and h.payment_id is null
order by h.account_id, h.resource_id;

-- name: find_costs
-- What resources come to, each at an instant, VAT included: their use that is on no invoice yet, by
-- segments, corrections and reports, as the month's run will price it; and their next $4 minutes in
-- the present configuration at present prices, time-weighted meters by the quantity reported last.
-- What is cumulative, or priced by the unit, has no estimate. $3 is the billing time zone.
with asked as materialized (
    select r.resource_id, r.account_id, r.product, r.discount_rate, r.version, a.currency, a.subunits,
           date_trunc('minute', i.at) as at,
           coalesce(a.closed_until, '-infinity') as closed_until,
           coalesce(to_char(a.closed_until at time zone $3, 'YYYY-MM'), '') as open_period
    from unnest($1::text[], $2::timestamptz[]) as i (resource_id, at)
    join resource r using (resource_id)
    join account a using (account_id)
), metered as materialized (
    select product, sku, valid_from, valid_to from meter_period
), segment as materialized (
    select q.resource_id, q.product, c.sku, c.quantity, s.discount_rate, q.currency, q.subunits, q.at,
           greatest(s.started_at, q.closed_until) as used_from, least(s.ended_at, q.at) as used_to,
           s.ended_at is null as running,
           exists (
               select from metered m
               where m.product = s.product and m.sku = c.sku
                 and m.valid_from <= greatest(s.started_at, q.closed_until)
                 and m.valid_to > greatest(s.started_at, q.closed_until)
           ) as by_reports
    from asked q
    join usage_segment s on s.account_id = q.account_id and s.resource_id = q.resource_id
    cross join lateral unnest(s.skus, s.quantities) as c (sku, quantity)
    where s.final_invoice_id is null and coalesce(s.ended_at, 'infinity') > q.closed_until
), used as (
    select resource_id, product, sku, quantity, discount_rate, currency, subunits, 1 as sign,
           used_from, used_to
    from segment where not by_reports
    union all
    select q.resource_id, j.product, j.sku, j.quantity, j.discount_rate, q.currency, q.subunits,
           j.sign, j.period_from, j.period_to
    from asked q
    join adjustment j on j.account_id = q.account_id and j.resource_id = q.resource_id
    where j.period >= q.open_period and j.final_invoice_id is null
      and not exists (
          select from metered m
          where m.product = j.product and m.sku = j.sku
            and m.valid_from <= j.period_from and m.valid_to > j.period_from)
), reported as materialized (
    select q.resource_id, q.account_id, q.product, q.currency, q.subunits, q.open_period,
           q.discount_rate as present_rate, q.version,
           coalesce(s.discount_rate, q.discount_rate) as discount_rate, u.month, u.quantity,
           u.used_from, u.used_to, m.sku, m.aggregation
    from asked q
    join usage_report u on u.account_id = q.account_id and u.resource_id = q.resource_id
        and u.period >= q.open_period
    join meter_period m on m.product = q.product and m.meter = u.meter
        and m.valid_from <= u.used_to and m.valid_to > u.used_to
    left join lateral (
        select discount_rate from usage_segment
        where q.version > 1 and account_id = u.account_id and resource_id = u.resource_id
          and started_at <= greatest(u.used_from, u.used_to - interval '1 microsecond')
        order by version desc limit 1
    ) s on true
), last_reported as (
    select distinct on (q.resource_id, u.meter) q.resource_id, q.product, m.sku, u.quantity,
           q.discount_rate, q.currency, q.subunits, q.at
    from asked q
    join usage_report u on u.account_id = q.account_id and u.resource_id = q.resource_id
    join meter_period m on m.product = q.product and m.meter = u.meter
        and m.aggregation = 'time_weighted' and m.valid_from <= q.at and m.valid_to > q.at
    where exists (select from segment s where s.resource_id = q.resource_id and s.running)
    order by q.resource_id, u.meter, u.used_to desc, u.report_id desc
), expected as (
    select resource_id, product, sku, quantity, discount_rate, currency, subunits, at
    from segment where running and not by_reports
    union all
    select * from last_reported
), added as (
    select c.*, u.quantity, coalesce(s.discount_rate, c.present_rate) as discount_rate,
           greatest(u.used_from, u.used_to - interval '1 microsecond') as used_at,
           sum(u.quantity) over (amounts) as total,
           case when u.period < c.open_period
                then sum(u.quantity) filter (where u.period < c.open_period) over (amounts)
           end as total_before
    from (
        select distinct resource_id, account_id, month, product, sku, present_rate, version,
               currency, subunits, open_period
        from reported where aggregation = 'cumulative'
    ) c
    join usage_report u on u.account_id = c.account_id and u.resource_id = c.resource_id
        and u.month = c.month
    join meter_period m on m.product = c.product and m.meter = u.meter and m.sku = c.sku
        and m.aggregation = 'cumulative' and m.valid_from <= u.used_to and m.valid_to > u.used_to
    left join lateral (
        select discount_rate from usage_segment
        where c.version > 1 and account_id = u.account_id and resource_id = u.resource_id
          and started_at <= greatest(u.used_from, u.used_to - interval '1 microsecond')
        order by version desc limit 1
    ) s on true
    window amounts as (partition by c.resource_id, c.month, c.sku order by u.used_to, u.report_id)
), line as (
    select u.resource_id, false as is_estimate, u.sign, t.vat_rate, t.vat_included,
           prorated(t.unit_price, u.quantity, u.discount_rate, m.minutes, t.price_minutes,
                    u.subunits) as amount
    from used u
    join (select * from tariff offset 0) t
        on t.product = u.product and t.sku = u.sku and t.currency = u.currency
        and t.valid_from < u.used_to and t.valid_to > u.used_from
    cross join lateral (
        select (extract(epoch from least(u.used_to, t.valid_to)
                                 - greatest(u.used_from, t.valid_from)) / 60)::bigint as minutes
    ) m
    where u.used_to > u.used_from and t.unit_price is not null
    union all
    select e.resource_id, true, 1, t.vat_rate, t.vat_included,
           prorated(t.unit_price, e.quantity, e.discount_rate, $4::bigint, t.price_minutes,
                    e.subunits)
    from expected e
    join (select * from tariff offset 0) t
        on t.product = e.product and t.sku = e.sku and t.currency = e.currency
        and t.valid_from <= e.at and t.valid_to > e.at
    where t.unit_price is not null
    union all
    select u.resource_id, false, 1, t.vat_rate, t.vat_included,
           prorated(t.unit_price, sum(u.quantity * m.minutes), u.discount_rate, 1, t.price_minutes,
                    u.subunits)
    from reported u
    join (select * from tariff offset 0) t
        on t.product = u.product and t.sku = u.sku and t.currency = u.currency
        and t.valid_from < u.used_to and t.valid_to > u.used_from
    cross join lateral (
        select (extract(epoch from date_trunc('minute', least(u.used_to, t.valid_to))
                                 - date_trunc('minute', greatest(u.used_from, t.valid_from)))
                / 60)::bigint as minutes
    ) m
    where u.aggregation = 'time_weighted' and t.unit_price is not null
    group by u.resource_id, u.month, u.sku, u.discount_rate, u.subunits, t.unit_price,
             t.price_minutes, t.vat_rate, t.vat_included
    union all
    select u.resource_id, false, sign(c.units)::integer, u.vat_rate, u.vat_included,
           prorated(u.unit_price, abs(c.units), u.discount_rate, 1, 1, u.subunits)
    from (
        select u.resource_id, u.discount_rate, u.subunits, t.unit_price, t.vat_rate, t.vat_included,
               sum(floor(total) - floor(total - quantity)
                   - coalesce(floor(total_before) - floor(total_before - quantity), 0)) as units
        from added u
        join (select * from unit_tariff offset 0) t
            on t.product = u.product and t.sku = u.sku and t.currency = u.currency
            and t.valid_from <= u.used_at and t.valid_to > u.used_at
        where t.unit_price is not null
        group by u.resource_id, u.month, u.sku, u.discount_rate, u.subunits, t.unit_price,
                 t.vat_rate, t.vat_included
    ) u
    cross join lateral (select u.units) c
    where c.units <> 0
), total as (
    select resource_id,
           sum(v.gross) filter (where not is_estimate) as actual,
           sum(v.gross) filter (where is_estimate) as estimate
    from line
    cross join lateral (
        select sign * (amount + case when vat_included then 0
                                     else vat_of(amount, vat_rate, false) end) as gross
    ) v
    group by resource_id
)
select q.resource_id, least(greatest(coalesce(t.actual, 0), 0), 1e15)::bigint as actual,
       least(coalesce(t.estimate, 0), 1e15)::bigint as estimate,
       not exists (select from segment s where s.resource_id = q.resource_id)
           and not exists (select from reported u where u.resource_id = q.resource_id) as gone
from asked q left join total t using (resource_id);

-- name: show_hold
-- The hold of a resource, for people.
select asked, asked_at, coalesce(answer, 'under way') as answer, held, short_since, suspension, ended
from credit_hold where resource_id = $1;
