-- Meters of products, in force as the rest of a publication is (domain 8).
alter table product_version add column meters jsonb not null default '{}'
    check (jsonb_typeof(meters) = 'object');

create view meter_period as
select v.product, m.key as meter, m.value ->> 'sku' as sku, m.value ->> 'aggregation' as aggregation,
       v.valid_from, v.valid_to
from (
    select product, meters, effective_from as valid_from,
           lead(effective_from, 1, 'infinity') over (partition by product order by effective_from)
               as valid_to
    from product_version
) v
cross join lateral jsonb_each(v.meters) m;

-- What a unit costs and with which VAT: a row for each stretch in which neither changes. What is
-- priced for time has no price for a unit.
create view unit_tariff as
select p.product, p.sku, p.currency, greatest(p.valid_from, v.valid_from) as valid_from,
       least(p.valid_to, v.valid_to) as valid_to, p.unit_price, v.vat_rate, v.vat_included
from (
    select product, sku, currency, case when per = 'unit' then unit_price end as unit_price,
           date_trunc('minute', effective_from) as valid_from,
           lead(date_trunc('minute', effective_from), 1, 'infinity') over versions as valid_to
    from price
    window versions as (partition by product, sku, currency order by effective_from)
) p
join vat_period v on v.product = p.product
    and v.valid_from < p.valid_to and v.valid_to > p.valid_from
where p.valid_from < p.valid_to;

-- The billing months for which there are reports, each with a partition of its own. A month that is
-- archived takes no more of them.
create table usage_month (
    month       text primary key check (month ~ '^20[0-9]{2}-(0[1-9]|1[0-2])$'),
    archived_at timestamptz
);

-- What product teams reported of metered use. `month` is the billing month in which it ended;
-- `period` the one on whose invoice it is, later than its month where that was invoiced before the
-- report came.
create table usage_report (
    month       text not null,
    account_id  text collate "C" not null,
    resource_id text not null,
    report_id   text not null,
    meter       text not null,
    quantity    numeric not null check (quantity > 0),
    used_from   timestamptz not null,
    used_to     timestamptz not null,
    period      text not null,
    reported_at timestamptz not null,
    check (used_to >= used_from),
    check (period collate "C" >= month collate "C")
) partition by list (month);
create index usage_report_of_account on usage_report (account_id, resource_id, report_id);
create index usage_report_late on usage_report (account_id, period) where period <> month;
create trigger usage_report_is_append_only before update or delete on usage_report
    for each row execute function refuse_change();
create trigger usage_reports_stay before truncate on usage_report
    for each statement execute function refuse_change();

-- Which reports count, each once, in whichever month: a partition can't see the others.
create table usage_report_key (
    resource_id text not null,
    report_id   text not null,
    month       text not null,
    primary key (resource_id, report_id)
);
create trigger usage_report_key_stays before update or truncate on usage_report_key
    for each statement execute function refuse_change();

-- Reports of resources that are not known yet. The same report twice is here once.
create table waiting_report (
    resource_id text not null,
    report_id   text not null,
    account_id  text not null,
    meter       text not null,
    quantity    numeric not null check (quantity > 0),
    used_from   timestamptz not null,
    used_to     timestamptz not null,
    reported_at timestamptz not null,
    kept_until  timestamptz not null,
    primary key (resource_id, report_id, account_id, meter, quantity, used_from, used_to),
    check (used_to >= used_from),
    check (kept_until >= reported_at)
);
create index waiting_report_until on waiting_report (kept_until);
