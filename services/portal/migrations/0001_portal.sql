-- What pages show: read tables fed by events, in any order. Each fact has a column of its own, or
-- the newest version of a thing wins, so that no event need wait for another.

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name using errcode = 'restrict_violation';
end $$;

-- Customers. An account that is only spoken of has no e-mail address yet. `switched_at`,
-- `standing_at`: the business time of what was told last.
create table account (
    account_id    text primary key,
    email         text,
    name          text,
    currency      text,
    time_zone     text,
    registered_at timestamptz,
    user_type     text not null default 'prepaid' check (user_type in ('prepaid', 'postpaid')),
    switched_at   timestamptz,
    overdue_since timestamptz,
    standing_at   timestamptz
);
create index account_by_email on account (lower(email));
create index account_by_name on account (lower(name));

-- The catalogue as forms show it; prices are billing's alone, and asked of it by quotes.
create table product (
    product        text not null,
    effective_from timestamptz not null,
    published_at   timestamptz not null,
    name           text not null,
    refundable     boolean not null,
    expiry_policy  text not null,
    trash_days     integer not null,
    actions        text[] not null,
    meters         jsonb not null,
    primary key (product, effective_from)
);
create table price (
    product        text not null,
    sku            text not null,
    currency       text not null,
    effective_from timestamptz not null,
    published_at   timestamptz not null,
    unit_price     numeric not null check (unit_price >= 0),
    per            text not null,
    primary key (product, sku, currency, effective_from)
);

-- Orders: each thing that was told of one stands by itself, and what it is by now follows.
create table placed_order (
    account_id       text not null,
    order_id         text not null,
    action           text,
    payment_method   text,
    coupon           text,
    placed_at        timestamptz,
    rejected_at      timestamptz,
    reason           text,
    message          text,
    payment_asked_at timestamptz,
    paid_at          timestamptz,
    confirmed_at     timestamptz,
    cancelled_at     timestamptz,
    amount           bigint,
    currency         text,
    primary key (account_id, order_id)
);
create index placed_order_latest on placed_order (account_id, placed_at desc, order_id);

create table order_item (
    account_id  text not null,
    order_id    text not null,
    item_id     text not null,
    resource_id text,
    product     text,
    name        text,
    priced      jsonb,
    done_at     timestamptz,
    failed_at   timestamptz,
    reason      text,
    given_back  bigint,
    primary key (account_id, order_id, item_id)
);
create index order_item_of_resource on order_item (account_id, resource_id);

create view order_state as
select o.*, i.items, i.done, i.failed,
       case when o.rejected_at is not null then 'rejected'
            when o.cancelled_at is not null then 'cancelled'
            when i.items > 0 and i.failed = i.items then 'failed'
            when i.items > 0 and i.done = i.items then 'done'
            when i.items > 0 and i.done + i.failed = i.items then 'partly_done'
            when o.paid_at is not null or o.confirmed_at is not null then 'provisioning'
            when o.payment_asked_at is not null then 'awaiting_payment'
            else 'placed' end as state
from placed_order o
cross join lateral (
    select count(*) as items, count(done_at) as done,
           count(failed_at) filter (where done_at is null) as failed
    from order_item i where i.account_id = o.account_id and i.order_id = o.order_id
) i;

-- Payments, of orders, invoices and top-ups, likewise fact by fact.
create table payment (
    account_id   text not null,
    payment_id   text not null,
    order_id     text,
    invoice_id   text,
    method       text,
    amount       bigint,
    currency     text,
    requested_at timestamptz,
    pay_until    timestamptz,
    gateway      text,
    url          text,
    confirmed_at timestamptz,
    failed_at    timestamptz,
    reason       text,
    top_up       boolean not null default false,
    primary key (account_id, payment_id)
);
create index payment_of_order on payment (account_id, order_id) where order_id is not null;
create index payment_of_invoice on payment (account_id, invoice_id) where invoice_id is not null;
create view payment_state as
select p.*,
       coalesce(p.confirmed_at, p.failed_at, p.requested_at) as at,
       case when p.confirmed_at is not null then 'paid'
            when p.failed_at is not null then 'failed'
            else 'open' end as state
from payment p;

-- Resources as of their newest event.
create table resource (
    account_id  text not null,
    resource_id text not null,
    version     bigint not null check (version > 0),
    product     text not null,
    name        text not null,
    user_type   text not null,
    state       text not null,
    because_of  text,
    components  jsonb not null,
    at          timestamptz not null,
    starts_at   timestamptz not null,
    ends_at     timestamptz,
    primary key (account_id, resource_id)
);
create index resource_by_end on resource (account_id, ends_at) where ends_at is not null;

-- Automatic renewal by so many months, as it was set last; null: off.
create table auto_renewal (
    account_id  text not null,
    resource_id text not null,
    months      integer,
    set_at      timestamptz not null,
    primary key (account_id, resource_id)
);

-- Wallets as of what moved them last: `position` counts that, `at` breaks ties.
create table wallet (
    account_id text not null,
    wallet     text not null,
    position   bigint not null,
    at         timestamptz not null,
    balance    bigint not null,
    held       bigint not null,
    available  bigint not null,
    primary key (account_id, wallet),
    check (balance - held = available)
);
create table wallet_entry (
    account_id text not null,
    event_id   text not null,
    wallet     text not null,
    kind       text not null check (kind in ('credited', 'debited', 'held', 'released', 'declined')),
    amount     bigint not null,
    balance    bigint not null,
    held       bigint not null,
    available  bigint not null,
    reason     text not null,
    reference  text not null,
    position   bigint,
    at         timestamptz not null,
    primary key (account_id, event_id)
);
create index wallet_entry_latest on wallet_entry (account_id, wallet, at desc, position desc);
create table poc (
    account_id text not null,
    grant_id   text not null,
    amount     bigint not null,
    ends_at    timestamptz not null,
    granted_by text not null,
    at         timestamptz not null,
    primary key (account_id, grant_id)
);

-- Invoices as they were issued; what was paid and credited of them; and what is left of each. That
-- only ever gets less, so the least that was told is the newest.
create table invoice (
    account_id  text not null,
    invoice_id  text not null,
    number      text not null,
    resource_id text not null,
    order_id    text,
    kind        text not null,
    period      text,
    period_from timestamptz not null,
    period_to   timestamptz not null,
    lines       jsonb not null,
    discount    bigint not null,
    net         bigint not null,
    vat         bigint not null,
    gross       bigint not null,
    currency    text not null,
    paid_at_once boolean not null,
    issued_at   timestamptz not null,
    due_at      timestamptz,
    primary key (account_id, invoice_id),
    check (net + vat = gross)
);
create index invoice_latest on invoice (account_id, issued_at desc, invoice_id);
create index invoice_of_resource on invoice (account_id, resource_id);
create table invoice_payment (
    account_id  text not null,
    invoice_id  text not null,
    payment_id  text not null,
    amount      bigint not null check (amount > 0),
    outstanding bigint not null check (outstanding >= 0),
    at          timestamptz not null,
    primary key (account_id, invoice_id, payment_id)
);
create table credit_note (
    account_id     text not null,
    credit_note_id text not null,
    number         text not null,
    invoice_id     text not null,
    amount         bigint not null,
    net            bigint not null,
    vat            bigint not null,
    given_back     bigint not null,
    outstanding    bigint not null check (outstanding >= 0),
    currency       text not null,
    reason         text not null,
    at             timestamptz not null,
    primary key (account_id, credit_note_id)
);
create index credit_note_of_invoice on credit_note (account_id, invoice_id);
create view invoice_state as
select i.*, s.paid, s.credited, s.outstanding,
       case when s.outstanding = 0 then 'paid'
            when s.paid > 0 then 'partially_paid'
            else 'unpaid' end as status
from invoice i
cross join lateral (
    select case when i.paid_at_once then i.gross else coalesce(p.paid, 0) end as paid,
           coalesce(c.credited, 0) as credited,
           case when i.paid_at_once then 0
                else greatest(0, least(i.gross, p.outstanding, c.outstanding)) end as outstanding
    from (select sum(amount)::bigint as paid, min(outstanding) as outstanding
          from invoice_payment p
          where p.account_id = i.account_id and p.invoice_id = i.invoice_id) p,
         (select sum(amount)::bigint as credited, min(outstanding) as outstanding
          from credit_note c
          where c.account_id = i.account_id and c.invoice_id = i.invoice_id) c
) s;

-- What users were told.
create table notice (
    account_id text not null,
    event_id   text not null,
    template   text not null,
    facts      jsonb not null,
    at         timestamptz not null,
    primary key (account_id, event_id)
);
create index notice_latest on notice (account_id, at desc);

-- Answers to what pages asked: of billing what an order would cost, of invoicing what was used.
create table quote (
    account_id text not null,
    quote_id   text not null,
    at         timestamptz not null,
    given      jsonb not null,
    heard_at   timestamptz not null default now(),
    primary key (account_id, quote_id)
);
create index quote_heard on quote (heard_at);
create table usage_report (
    account_id text not null,
    period     text not null,
    until      timestamptz not null,
    request_id text not null,
    given      jsonb not null,
    primary key (account_id, period)
);

-- Every event of an account, partitioned by the month of its business time. `position` is the order
-- in which they were heard: open pages follow it. One event of a month's run, which tells of many
-- invoices, is here once for each.
create table event (
    account_id     text not null,
    time           timestamptz not null,
    event_id       text not null,
    source         text not null,
    type           text not null,
    correlation_id text,
    causation_id   text,
    payload        jsonb not null,
    position       bigint not null generated always as identity,
    primary key (account_id, time, source, event_id)
) partition by range (time);
create index event_position on event (position);
create index event_of_account on event (account_id, position);
create index event_of_correlation on event (account_id, correlation_id, position)
    where correlation_id is not null;
create table event_month (month date primary key);

-- Make the partitions of these months that are missing: workers own no table. Whoever makes one
-- holds the lock until its transaction ends, so that two workers don't make it both.
create function open_event_months(months date[]) returns void
language plpgsql security definer set search_path from current as $$
declare
    missing date;
    partition text;
begin
    if not exists (select from unnest(months) as m (month)
                   where not exists (select from event_month e where e.month = m.month)) then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtext('cloudtill portal event_month'));
    for missing in
        select distinct m.month from unnest(months) as m (month)
        where not exists (select from event_month e where e.month = m.month)
        order by m.month
    loop
        partition := format('event_%s', to_char(missing, 'YYYYMM'));
        execute format('create table %I (like event including defaults including constraints)', partition);
        execute format(
            'alter table event attach partition %I for values from (%L) to (%L)', partition,
            missing::timestamp at time zone 'UTC',
            (missing + interval '1 month') at time zone 'UTC');
        insert into event_month values (missing);
    end loop;
end $$;

-- Who did what: a person's acts, each with the message that it became. Only ever added to.
create table act (
    act_id         text primary key,
    idempotency    text not null,
    actor          text not null,
    role           text not null check (role in ('customer', 'support', 'operator', 'program')),
    account_id     text,
    kind           text not null,
    message_id     text not null,
    correlation_id text not null,
    details        jsonb not null,
    reason         text,
    address        text,
    session        text,
    at             timestamptz not null,
    unique (actor, idempotency)
);
create index act_of_account on act (account_id, at desc);
create index act_of_correlation on act (correlation_id);
create trigger act_is_append_only before update or delete or truncate on act
    for each statement execute function refuse_change();

-- Who is logged in. What the browser has is not here, only its hash.
create table session (
    session_hash text primary key,
    subject      text not null,
    name         text not null,
    email        text,
    roles        text[] not null,
    account_ids  text[] not null,
    csrf         text not null,
    language     text,
    created_at   timestamptz not null,
    seen_at      timestamptz not null,
    ends_at      timestamptz not null,
    check (seen_at < ends_at)
);
create index session_end on session (ends_at);

-- Accounts that people opened here; those of other logins come from the provider.
create table member (
    subject    text not null,
    account_id text not null,
    at         timestamptz not null,
    primary key (subject, account_id)
);

-- How often something was done in a window of time, for limits. It may be lost in a crash.
create unlogged table allowance (
    what       text not null,
    window_at  timestamptz not null,
    times      integer not null check (times > 0),
    primary key (what, window_at)
);
