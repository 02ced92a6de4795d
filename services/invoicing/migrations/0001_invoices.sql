-- Nothing is ever updated away (domain 11.6).
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name using errcode = 'restrict_violation';
end $$;

-- Accounts. `closed_until` is the instant up to which an account's use is invoiced; null before
-- its first month. Ids are compared byte by byte, so that ranges of accounts are the same everywhere.
create table account (
    account_id   text collate "C" primary key,
    currency     text not null,
    subunits     bigint not null check (subunits in (1, 100, 1000)),
    closed_until timestamptz
) with (fillfactor = 80);

-- Products' VAT, each in force from a date until the next.
create table product_version (
    product        text not null,
    effective_from timestamptz not null,
    published_at   timestamptz not null,
    vat_rate       numeric not null check (vat_rate between 0 and 1),
    vat_included   boolean not null,
    primary key (product, effective_from)
);

-- Price lists, each price in force from a date until the next.
create table price (
    product        text not null,
    sku            text not null,
    currency       text not null,
    effective_from timestamptz not null,
    published_at   timestamptz not null,
    unit_price     numeric not null check (unit_price >= 0),
    per            text not null check (per in ('30d', 'unit', 'unit_hour')),
    primary key (product, sku, currency, effective_from)
);

-- VAT by the minute: where nothing was published it is 10 %, included (domain 6).
create view vat_period as
select product, valid_from, lead(valid_from, 1, 'infinity') over versions as valid_to,
       vat_rate, vat_included
from (
    select product, valid_from, vat_rate, vat_included,
           (vat_rate, vat_included) is distinct from
           (lag(vat_rate) over versions, lag(vat_included) over versions) as changed
    from (
        select product, date_trunc('minute', effective_from) as valid_from, effective_from,
               vat_rate, vat_included
        from product_version
        union all
        select distinct product, '-infinity'::timestamptz, '-infinity'::timestamptz, 0.1, true
        from price
    ) version
    window versions as (partition by product order by effective_from)
) changing
where changed
window versions as (partition by product order by valid_from);

-- Prices by the minute. A price for time is per `price_minutes`; what is priced per unit has no
-- price for time, and neither has anything before its first publication.
create view price_period as
select product, sku, currency, valid_from, lead(valid_from, 1, 'infinity') over versions as valid_to,
       unit_price, price_minutes
from (
    select product, sku, currency, valid_from, unit_price, price_minutes,
           valid_from = '-infinity' or (unit_price, price_minutes) is distinct from
           (lag(unit_price) over versions, lag(price_minutes) over versions) as changed
    from (
        select product, sku, currency, date_trunc('minute', effective_from) as valid_from,
               effective_from, case when per <> 'unit' then unit_price end as unit_price,
               case per when '30d' then 43200 when 'unit_hour' then 60 end as price_minutes
        from price
        union all
        select distinct product, sku, currency, '-infinity'::timestamptz, '-infinity'::timestamptz,
               null::numeric, null::integer
        from price
    ) version
    window versions as (partition by product, sku, currency order by effective_from)
) changing
where changed
window versions as (partition by product, sku, currency order by valid_from);

-- What a minute costs and with which VAT: a row for each stretch in which neither changes.
create view tariff as
select p.product, p.sku, p.currency, greatest(p.valid_from, v.valid_from) as valid_from,
       least(p.valid_to, v.valid_to) as valid_to, p.unit_price, p.price_minutes,
       v.vat_rate, v.vat_included
from price_period p
join vat_period v on v.product = p.product
    and v.valid_from < p.valid_to and v.valid_to > p.valid_from;

-- A line's amount in smallest units, rounded half up (domain 6). It is multiplied first and divided
-- once, by a division to whole numbers: nothing is rounded on the way.
create function prorated(
    unit_price numeric, quantity numeric, discount_rate numeric, minutes bigint,
    price_minutes integer, subunits bigint
) returns numeric language sql immutable parallel safe as $$
    select div(2 * unit_price * quantity * (1 - discount_rate) * minutes * subunits + price_minutes,
               2 * price_minutes::numeric)
$$;

-- The VAT in an amount of 0 or more, or on top of it, rounded half up to the smallest unit.
create function vat_of(amount numeric, rate numeric, included boolean)
returns numeric language sql immutable parallel safe as $$
    select case when included then div(2 * amount * rate + 1 + rate, 2 * (1 + rate))
                else div(2 * amount * rate + 1, 2) end
$$;

-- Resources: which of their events was applied last, and what created them.
create table resource (
    resource_id   text primary key,
    account_id    text collate "C" not null references account,
    product       text not null,
    name          text not null,
    version       bigint not null check (version > 0),
    order_id      text,
    item_id       text,
    discount_rate numeric not null check (discount_rate between 0 and 1),
    ends_at       timestamptz
) with (fillfactor = 80);

-- Stretches of time, cut to the minute, in which a postpaid resource ran in one configuration
-- (domain 3). `version` is that of the event that began it. A stretch of no length may stand here.
-- `final_invoice_id` is set where a final invoice has it, so that the month's run leaves it out.
create table usage_segment (
    account_id       text collate "C" not null references account,
    resource_id      text not null references resource,
    version          bigint not null check (version > 0),
    product          text not null,
    skus             text[] not null,
    quantities       numeric[] not null,
    discount_rate    numeric not null check (discount_rate between 0 and 1),
    started_at       timestamptz not null,
    ended_at         timestamptz,
    final_invoice_id text,
    primary key (account_id, resource_id, version),
    check (cardinality(skus) = cardinality(quantities)),
    check (0 < all (quantities)),
    check (ended_at >= started_at),
    check (final_invoice_id is null or ended_at is not null),
    check (started_at = date_trunc('minute', started_at, 'UTC')),
    check (ended_at = date_trunc('minute', ended_at, 'UTC')),
    exclude using gist (resource_id with =, tstzrange(started_at, ended_at) with &&)
) with (fillfactor = 80);
create unique index usage_segment_open on usage_segment (resource_id) where ended_at is null;

-- Use that was learnt of after its month had been invoiced: lines of the next month's run. `sign`
-- is -1 for what was charged and did not run, 1 for what ran and was not charged.
create table adjustment (
    account_id       text collate "C" not null references account,
    resource_id      text not null references resource,
    version          bigint not null check (version > 0),
    position         integer not null check (position >= 0),
    period           text not null,
    month            text not null,
    sign             smallint not null check (sign in (-1, 1)),
    product          text not null,
    sku              text not null,
    quantity         numeric not null check (quantity > 0),
    discount_rate    numeric not null check (discount_rate between 0 and 1),
    period_from      timestamptz not null,
    period_to        timestamptz not null,
    final_invoice_id text,
    primary key (account_id, resource_id, version, position),
    check (month < period),
    check (period_to > period_from)
);
create index adjustment_due on adjustment (account_id, period) where final_invoice_id is null;

-- Series of invoice numbers. Whoever numbers invoices holds one series to the commit, so that its
-- numbers have no gaps; others take another series meanwhile.
create table invoice_series (
    series      text primary key,
    year        integer not null check (year between 2000 and 2100),
    place       integer not null check (place >= 0),
    next_number bigint not null default 1 check (next_number > 0),
    unique (year, place)
) with (fillfactor = 50);

-- Invoices: what one resource cost for one period, in the currency's smallest unit.
create table invoice (
    invoice_id   text primary key,
    series       text not null,
    number       bigint not null check (number > 0),
    account_id   text collate "C" not null,
    resource_id  text not null,
    kind         text not null check (kind in ('prepaid', 'usage', 'final')),
    order_id     text,
    item_id      text,
    payment_id   text,
    period       text,
    period_from  timestamptz not null,
    period_to    timestamptz not null,
    currency     text not null,
    discount     bigint not null default 0 check (discount >= 0),
    net          bigint not null,
    vat          bigint not null,
    gross        bigint not null,
    issued_at    timestamptz not null,
    due_at       timestamptz,
    recorded_at  timestamptz not null default now(),
    unique (series, number),
    check (net + vat = gross),
    check (period_to >= period_from),
    check ((kind = 'prepaid') = (order_id is not null)),
    check ((kind = 'prepaid') = (item_id is not null)),
    check ((kind = 'usage') = (period is not null)),
    check ((kind = 'prepaid') = (due_at is null))
);
create unique index invoice_of_item on invoice (order_id, item_id) where kind = 'prepaid';
create unique index invoice_of_month on invoice (resource_id, period) where kind = 'usage';
create index invoice_recorded on invoice using brin (recorded_at) with (autosummarize = on);
create index invoice_of_account on invoice (account_id, issued_at, invoice_id);
create index invoice_of_resource on invoice (resource_id, issued_at, invoice_id)
    where kind <> 'usage';

-- The rounded lines of invoices. `month` is set where a line corrects a month invoiced before.
create table invoice_line (
    invoice_id    text not null,
    position      integer not null check (position > 0),
    sku           text not null,
    description   text not null,
    quantity      numeric not null check (quantity > 0),
    minutes       bigint check (minutes >= 0),
    unit_price    numeric not null check (unit_price >= 0),
    discount_rate numeric check (discount_rate between 0 and 1),
    amount        bigint not null,
    vat           bigint not null,
    vat_rate      numeric not null check (vat_rate between 0 and 1),
    vat_included  boolean not null,
    period_from   timestamptz,
    period_to     timestamptz,
    month         text,
    primary key (invoice_id, position),
    check (sign(amount) * sign(vat) >= 0)
);

-- What was paid of an invoice, what was credited of it by credit notes, and what is being collected
-- for it: the one owner of all three. It may be credited after it was paid; that goes back as credit.
create table invoice_state (
   invoice_id text primary key,
    account_id text collate "C" not null,
    gross      bigint not null,
    paid       bigint not null check (paid >= 0),
    reserved   bigint not null default 0 check (reserved >= 0),
    credited   bigint not null default 0 check (credited >= 0),
    issued_at  timestamptz not null,
    due_at     timestamptz,
    status     text not null generated always as (
        case when paid + credited >= gross then 'paid' when paid > 0 then 'partially_paid' else 'unpaid' end
    ) stored,
    check (paid + reserved <= greatest(gross, 0)),
    check (credited <= greatest(gross, 0))
) with (fillfactor = 70);
create index invoice_state_open on invoice_state (account_id, issued_at, gross, invoice_id)
    where paid + credited < gross;

-- What an invoice, its lines and its state refer to is looked up for all that one statement adds, at
-- its end: a foreign key looks it up row by row, which was half of what a month's run cost. The
-- other half of a foreign key, that what is referred to stays, is that nothing of it is ever deleted
-- or named anew. Rows are found by their keys, however small the tables were when plans were made.
create function refuse_deletion() returns trigger language plpgsql as $$
begin
    raise exception '% is kept: invoices refer to it', tg_table_name
        using errcode = 'restrict_violation';
end $$;
create trigger account_is_kept before delete or truncate on account
    for each statement execute function refuse_deletion();
create trigger account_keeps_its_name before update of account_id on account
    for each statement execute function refuse_deletion();
create trigger resource_is_kept before delete or truncate on resource
    for each statement execute function refuse_deletion();
create trigger resource_keeps_its_name before update of resource_id, account_id on resource
    for each statement execute function refuse_deletion();
create trigger invoice_series_is_kept before delete or truncate on invoice_series
    for each statement execute function refuse_deletion();
create trigger invoice_series_keeps_its_name before update of series on invoice_series
    for each statement execute function refuse_deletion();

-- An invoice is of a known resource, of the account whose that is, and of a known series.
create function refuse_invoices_of_nothing() returns trigger language plpgsql
set enable_seqscan = off as $$
begin
    if exists (
        select from added i
        left join resource r using (resource_id)
        left join invoice_series s using (series)
        where r.account_id is distinct from i.account_id or s.series is null
    ) then
        raise exception 'an invoice is of no known resource of its account, or of no known series'
            using errcode = 'foreign_key_violation';
    end if;
    return null;
end $$;
create trigger invoice_refers after insert on invoice
    referencing new table as added
    for each statement execute function refuse_invoices_of_nothing();

-- An invoice adds up, and no line is of none.
create function refuse_lines_that_do_not_add_up() returns trigger language plpgsql
set enable_seqscan = off as $$
begin
    if exists (
        select from (
            select invoice_id,
                   sum(amount + case when vat_included then 0 else vat end) as gross
            from added group by invoice_id
        ) line
        left join invoice i using (invoice_id)
        where i.invoice_id is null or line.gross - i.discount <> i.gross
    ) then
        raise exception 'an invoice is not the sum of its lines' using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger invoice_adds_up after insert on invoice_line
    referencing new table as added
    for each statement execute function refuse_lines_that_do_not_add_up();

-- The state of an invoice agrees with it, and none is of no invoice.
create function refuse_another_total() returns trigger language plpgsql
set enable_seqscan = off as $$
begin
    if exists (
        select from added s left join invoice i using (invoice_id)
        where (s.gross, s.account_id, s.issued_at) is distinct from
              (i.gross, i.account_id, i.issued_at)
    ) then
        raise exception 'the state of an invoice disagrees with it' using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger invoice_state_agrees after insert on invoice_state
    referencing new table as added
    for each statement execute function refuse_another_total();
create trigger invoice_state_keeps_its_total before update of invoice_id, account_id, gross, issued_at
    or delete or truncate
    on invoice_state for each statement execute function refuse_change();
create trigger invoice_is_append_only before update or delete or truncate on invoice
    for each statement execute function refuse_change();
create trigger invoice_line_is_append_only before update or delete or truncate on invoice_line
    for each statement execute function refuse_change();

-- The month's runs, and the ranges of accounts into which each is cut: `ranges` of them, of which
-- the first `handed_out` were given to workers. Ranges beyond are accounts that were run again.
create table run (
    period       text primary key,
    tick_at      timestamptz not null,
    ranges       integer not null default 0 check (ranges >= 0),
    handed_out   integer not null default 0,
    started_at   timestamptz not null default now(),
    completed_at timestamptz,
    check (handed_out between 0 and ranges)
) with (fillfactor = 50);
create table run_range (
    period        text not null references run,
    range_number  integer not null check (range_number >= 0),
    first_account text collate "C" not null,
    next_account  text collate "C",
    invoices      integer check (invoices >= 0),
    quarantined   integer check (quarantined >= 0),
    done_at       timestamptz,
    primary key (period, range_number),
    check (next_account > first_account),
    check (num_nulls(invoices, quarantined, done_at) in (0, 3))
) with (fillfactor = 80);

-- A number made of what an invoice says; the sum over many invoices is their checksum.
create function mark_of(i invoice) returns bigint language sql immutable parallel safe as $$
    select ('x' || left(md5(concat_ws(E'\n', i.invoice_id, i.series, i.number, i.account_id,
        i.resource_id, i.kind, i.period, extract(epoch from i.period_from),
        extract(epoch from i.period_to), i.currency, i.discount, i.net, i.vat, i.gross,
        extract(epoch from i.issued_at), extract(epoch from i.due_at))), 15))::bit(60)::bigint
$$;

-- What a range issued for a month, by currency: invoices with numbers from `first_number` up to but
-- not `end_number`.
create table run_total (
    period       text not null,
    range_number integer not null,
    month        text not null,
    currency     text not null,
    series       text not null references invoice_series,
    first_number bigint not null,
    end_number   bigint not null,
    invoices     integer not null check (invoices > 0),
    adjustments  integer not null check (adjustments >= 0),
    net          numeric not null,
    vat          numeric not null,
    gross        numeric not null,
    checksum     numeric not null check (checksum >= 0),
    primary key (period, range_number, month, currency),
    unique (series, first_number, currency),
    foreign key (period, range_number) references run_range,
    check (month <= period),
    check (net + vat = gross),
    check (end_number - first_number >= invoices)
);
create trigger run_total_is_append_only before update or delete or truncate on run_total
    for each statement execute function refuse_change();

-- Close reports: what a run had come to when it was completed, and again after accounts were run
-- again by themselves. `checksum` is the sum of its invoices' marks.
create table run_report (
    period      text not null references run,
    revision    integer not null check (revision > 0),
    resources   bigint not null check (resources >= 0),
    invoices    bigint not null check (invoices >= resources),
    adjustments bigint not null check (adjustments >= 0),
    quarantined bigint not null check (quarantined >= 0),
    checksum    numeric not null check (checksum >= 0),
    recorded_at timestamptz not null default now(),
    primary key (period, revision)
);
create table run_report_total (
    period   text not null,
    revision integer not null,
    currency text not null,
    invoices bigint not null check (invoices > 0),
    net      numeric not null,
    vat      numeric not null,
    gross    numeric not null,
    primary key (period, revision, currency),
    foreign key (period, revision) references run_report,
    check (net + vat = gross)
);
create trigger run_report_is_append_only before update or delete or truncate on run_report
    for each statement execute function refuse_change();
create trigger run_report_total_is_append_only before update or delete or truncate
    on run_report_total for each statement execute function refuse_change();

-- Accounts whose month could not be invoiced, and why; resolved once it was.
create table quarantine (
    account_id  text collate "C" not null references account,
    period      text not null,
    reason      text not null,
    detail      text not null,
    since       timestamptz not null,
    resolved_at timestamptz,
    primary key (account_id, period)
);
create index quarantine_open on quarantine (period, account_id) where resolved_at is null;
