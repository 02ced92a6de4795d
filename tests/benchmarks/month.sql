-- name: add_price_lists
-- Five sizes with ten price versions each; the last begins in the middle of the month.
insert into price (product, sku, currency, effective_from, published_at, unit_price, per)
select 'vserver', 'size-' || size, 'VND', since, since, (size + 1) * 90000 + version * 7001, '30d'
from generate_series(0, 4) as size
cross join generate_series(0, 9) as version
cross join lateral (
    select case version when 9 then timestamptz '2026-11-16 00:00+07'
                else timestamptz '2026-02-01 00:00+07' + version * interval '1 month' end as since
) begins;

-- name: add_accounts
-- Accounts whose months before this one are closed.
insert into account (account_id, currency, subunits, closed_until)
select 'acc-' || lpad(n::text, 7, '0'), 'VND', 1, timestamptz '2026-11-01 00:00+07'
from generate_series(0, $1::integer - 1) as n;

-- name: add_resources
-- $1 resources, $2 of each account; the events came in no order.
insert into resource (resource_id, account_id, product, name, version, discount_rate)
select 'res-' || lpad(n::text, 8, '0'), 'acc-' || lpad((n / $2::integer)::text, 7, '0'), 'vserver',
       'web-' || n, 2, 0
from generate_series(0, $1::integer - 1) as n
order by n::bigint * 7919 % 10007;

-- name: let_segments_overlap
-- The rule that no minute is on two segments takes ten minutes to check for a million of them, and
-- the run only reads segments.
do $$
declare rule text;
begin
    for rule in select conname from pg_constraint
                where conrelid = 'invoicing.usage_segment'::regclass and contype = 'x'
    loop
        execute format('alter table usage_segment drop constraint %I', rule);
    end loop;
end $$;

-- name: add_segments
-- What ran: a sixth of the resources were resized within the month, a sixth ended in it.
with resource as (
    select *, right(resource_id, 8)::bigint as n from invoicing.resource
), running as (
    select *, timestamptz '2026-11-01 00:00+07' - (n % 300) * interval '1 day' as started_at,
           timestamptz '2026-11-01 00:00+07'
               + (n % 28) * interval '1 day' + (n % 1439 + 1) * interval '1 minute' as turned_at
    from resource
)
insert into usage_segment (account_id, resource_id, version, product, skus, quantities,
                           discount_rate, started_at, ended_at)
select account_id, resource_id, 1, product, array['size-' || n % 5], array[1 + n % 3], 0,
       started_at, case when n % 6 in (0, 3) then turned_at end
from running
union all
select account_id, resource_id, 2, product, array['size-' || (n + 1) % 5], array[1 + n % 3], 0,
       turned_at, null
from running where n % 6 = 0;

-- name: make_bare_tables
-- The yardstick's tables: nothing but primary keys.
drop schema if exists bare cascade;
create schema bare;
create table bare.invoice (like invoicing.invoice including defaults);
alter table bare.invoice add primary key (invoice_id);
create table bare.invoice_line (like invoicing.invoice_line including defaults);
alter table bare.invoice_line add primary key (invoice_id, position);

-- name: compute_and_insert
-- The yardstick: all lines of the month computed, and all invoices and lines inserted, at once.
with counted as (
    select s.account_id, s.resource_id, s.version, c.position, s.product, c.sku, c.quantity,
           s.discount_rate, t.currency, t.unit_price, t.vat_rate, t.vat_included, t.price_minutes,
           greatest(s.started_at, t.valid_from, timestamptz '2026-11-01 00:00+07') as period_from,
           least(s.ended_at, t.valid_to, timestamptz '2026-12-01 00:00+07') as period_to
    from usage_segment s
    cross join lateral unnest(s.skus, s.quantities) with ordinality as c (sku, quantity, position)
    join account a using (account_id)
    join (select * from tariff offset 0) t
        on t.product = s.product and t.sku = c.sku and t.currency = a.currency
        and t.valid_from < least(s.ended_at, timestamptz '2026-12-01 00:00+07')
        and t.valid_to > greatest(s.started_at, timestamptz '2026-11-01 00:00+07')
    where s.started_at < timestamptz '2026-12-01 00:00+07'
      and coalesce(s.ended_at, 'infinity') > timestamptz '2026-11-01 00:00+07'
), line as materialized (
    select c.*, m.minutes, p.amount, vat_of(p.amount, vat_rate, vat_included) as vat
    from counted c
    cross join lateral (
        select (extract(epoch from period_to - period_from) / 60)::bigint as minutes
    ) m
    cross join lateral (
        select prorated(unit_price, quantity, discount_rate, m.minutes, price_minutes, 1) as amount
    ) p
), total as materialized (
    select account_id, resource_id, currency,
           'invoice:2026A-' || lpad((row_number() over numbers)::text, 9, '0') as invoice_id,
           row_number() over numbers as number,
           sum(amount - vat)::bigint as net, sum(vat)::bigint as vat, sum(amount)::bigint as gross
    from line group by account_id, resource_id, currency
    window numbers as (order by account_id, resource_id)
), issued as (
    insert into bare.invoice (invoice_id, series, number, account_id, resource_id, kind, period,
                              period_from, period_to, currency, net, vat, gross, issued_at, due_at)
    select invoice_id, '2026A', number, account_id, resource_id, 'usage', '2026-11',
           timestamptz '2026-11-01 00:00+07', timestamptz '2026-12-01 00:00+07', currency, net, vat,
           gross, now(), now()
    from total
)
insert into bare.invoice_line (account_id, invoice_id, position, sku, description, quantity,
                               minutes, unit_price, discount_rate, amount, vat, vat_rate, vat_included,
                               period_from, period_to)
select t.account_id, t.invoice_id,
       row_number() over (partition by t.invoice_id order by l.version, l.position, l.period_from),
       l.sku, r.name || ': ' || l.sku, l.quantity, l.minutes, l.unit_price,
       nullif(l.discount_rate, 0), l.amount, l.vat, l.vat_rate, l.vat_included, l.period_from,
       l.period_to
from line l
join total t using (account_id, resource_id)
join resource r on r.resource_id = l.resource_id;

-- name: written_ahead
-- How many bytes Postgres has written ahead.
select wal_bytes::float8 from pg_stat_wal;

-- name: is_handled
-- Whether a worker has handled the message with this id.
select exists (select from inbox where id = $1);

-- name: compare
-- What both came to, invoice by invoice and line by line.
select count(*) as lines,
       (select row(count(*), sum(hashtextextended(
            concat_ws('/', i.resource_id, i.gross, i.vat, l.position, l.sku, l.amount, l.vat,
                      l.minutes, l.period_from, l.period_to), 0)::numeric))::text
        from invoice i join invoice_line l using (account_id, invoice_id)) as ours,
       (select row(count(*), sum(hashtextextended(
            concat_ws('/', i.resource_id, i.gross, i.vat, l.position, l.sku, l.amount, l.vat,
                      l.minutes, l.period_from, l.period_to), 0)::numeric))::text
        from bare.invoice i join bare.invoice_line l using (invoice_id)) as bare
from invoice_line;
