-- Nothing is ever updated away (domain 11.6).
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name using errcode = 'restrict_violation';
end $$;

-- Customers. The user type is a history of its own (domain 10).
create table account (
    account_id    text primary key,
    email         text not null,
    name          text not null,
    currency      text not null,
    time_zone     text,
    registered_at timestamptz not null
);

-- The user types that accounts were to have from a moment on: who, why and when. Before the first
-- of them an account is prepaid. One that asks for what is so already is kept as well: it may change
-- something once an earlier one comes late.
create table user_type_switch (
    account_id   text not null references account,
    at           timestamptz not null,
    user_type    text not null check (user_type in ('prepaid', 'postpaid')),
    requested_by text not null,
    reason       text not null,
    primary key (account_id, at)
);
create trigger user_type_switch_is_append_only before update or delete or truncate
    on user_type_switch for each statement execute function refuse_change();

-- Since when an account has an invoice that is overdue, as invoicing told last; an account that is
-- not here never had one.
create table account_standing (
    account_id    text primary key,
    overdue_since timestamptz,
    told_at       timestamptz not null
) with (fillfactor = 70);

-- Products' policies, each in force from a date until the next.
create table product_version (
    product            text not null,
    effective_from     timestamptz not null,
    published_at       timestamptz not null,
    name               text not null,
    vat_rate           numeric not null check (vat_rate between 0 and 1),
    vat_included       boolean not null,
    refundable         boolean not null,
    expiry_policy      text not null check (expiry_policy in ('trash', 'grace')),
    trash_days         integer not null check (trash_days >= 0),
    renew_attempt_days integer[] not null,
    actions            text[] not null,
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

-- Discounts by contract, each in force from a date until the next (domain 6).
create table discount (
    account_id     text not null,
    product        text not null,
    effective_from timestamptz not null,
    published_at   timestamptz not null,
    rate           numeric not null check (rate between 0 and 1),
    granted_by     text not null,
    primary key (account_id, product, effective_from)
);

-- Coupons. However many orders come at once, none is used more often than allowed.
create table coupon (
    code         text primary key,
    kind         text not null check (kind in ('amount', 'percent')),
    value        numeric not null check (value >= 0 and (kind = 'amount' or value <= 100)),
    products     text[] not null,
    valid_until  timestamptz not null,
    account_id   text,
    max_uses     integer check (max_uses > 0),
    uses         integer not null default 0 check (uses >= 0),
    published_at timestamptz not null,
    constraint coupon_not_overused check (uses <= max_uses)
) with (fillfactor = 70);

-- What users asked for.
create table purchase_order (
    order_id       text primary key,
    account_id     text not null,
    action         text not null,
    user_type      text check (user_type in ('prepaid', 'postpaid')),
    payment_method text check (payment_method in ('credit', 'gateway', 'top_up_and_pay', 'poc', 'on_behalf')),
    coupon         text,
    fingerprint    bytea not null,
    state          text not null check (state in (
        'rejected', 'awaiting_payment', 'cancelled', 'provisioning',
        'completed', 'partially_completed', 'failed')),
    reason         text,
    amount         bigint not null default 0,
    currency       text,
    placed_at      timestamptz not null,
    source         text not null,
    correlation_id text not null,
    recorded_at    timestamptz not null default now(),
    concluded_at   timestamptz,
    check ((state in ('rejected', 'cancelled')) = (reason is not null))
) with (fillfactor = 70);
create index purchase_order_of_account on purchase_order (account_id, placed_at desc, order_id);

-- The items of accepted orders, with their price. `amount` is what is paid for the item.
create table order_item (
    order_id    text not null references purchase_order,
    item_id     text not null,
    position    integer not null check (position > 0),
    resource_id text not null,
    amount      bigint not null,
    priced      jsonb not null,
    primary key (order_id, item_id),
    unique (order_id, item_id, amount)
);
create index order_item_of_resource on order_item (resource_id);
create trigger order_item_is_append_only before update or delete or truncate on order_item
    for each statement execute function refuse_change();

-- How each item ended: once, and for good (domain 11.2).
create table item_outcome (
    order_id text not null,
    item_id  text not null,
    outcome  text not null check (outcome in ('done', 'failed')),
    reason   text,
    at       timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (order_id, item_id),
    unique (order_id, item_id, outcome),
    foreign key (order_id, item_id) references order_item,
    check ((outcome = 'failed') = (reason is not null))
);
create trigger item_outcome_is_append_only before update or delete or truncate on item_outcome
    for each statement execute function refuse_change();

-- The codes that orders used. A use is given back where the order came to nothing.
create table coupon_use (
    code     text not null references coupon,
    order_id text not null references purchase_order,
    given_back_at timestamptz,
    primary key (code, order_id)
);

-- Money asked for: one payment an order, any number an invoice.
create table payment (
    payment_id   text primary key,
    account_id   text not null,
    order_id     text unique references purchase_order,
    invoice_id   text,
    method       text not null check (method in ('credit', 'gateway', 'top_up_and_pay', 'poc', 'on_behalf')),
    amount       bigint not null check (amount > 0),
    currency     text not null,
    as_far_as_possible boolean not null default false,
    correlation_id text not null,
    requested_at timestamptz not null,
    recorded_at  timestamptz not null default now(),
    check ((order_id is null) <> (invoice_id is null)),
    unique (payment_id, amount)
);
create index payment_of_account on payment (account_id, requested_at desc, payment_id);
create trigger payment_is_append_only before update or delete or truncate on payment
    for each statement execute function refuse_change();

-- How each payment ended: once, and for good. `amount` is what was really paid.
create table payment_outcome (
    payment_id  text primary key references payment,
    asked       bigint not null,
    outcome     text not null check (outcome in ('confirmed', 'failed')),
    amount      bigint not null,
    reason      text,
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    foreign key (payment_id, asked) references payment (payment_id, amount),
    check ((outcome = 'failed') = (reason is not null)),
    check (case outcome when 'confirmed' then amount between 1 and asked else amount = 0 end)
);
create trigger payment_outcome_is_append_only before update or delete or truncate
    on payment_outcome for each statement execute function refuse_change();

-- Payments of invoices that were made elsewhere and that Sales recorded, for the payment history.
create table recorded_payment (
    payment_id  text primary key,
    account_id  text not null,
    invoice_id  text not null,
    amount      bigint not null check (amount > 0),
    at          timestamptz not null,
    recorded_at timestamptz not null default now()
);
create index recorded_payment_of_account on recorded_payment (account_id, at desc, payment_id);
create trigger recorded_payment_is_append_only before update or delete or truncate
    on recorded_payment for each statement execute function refuse_change();

-- What the wallet was told to take for a payment.
create table charge (
    charge_id  text primary key,
    payment_id text not null references payment,
    amount     bigint not null check (amount > 0)
);

-- What somebody has to pay through a gateway, and until when.
create table gateway_request (
    payment_id text primary key references payment,
    amount     bigint not null check (amount > 0),
    pay_until  timestamptz not null,
    open       boolean not null default true
) with (fillfactor = 70);
create index gateway_request_due on gateway_request (pay_until) where open;

-- Money that came through a gateway: each reference counts once. What became credit did so by a
-- top-up of its own.
create table gateway_receipt (
    gateway           text not null,
    gateway_reference text not null,
    payment_id        text not null references payment,
    amount            bigint not null check (amount > 0),
    became            text not null check (became in ('payment', 'credit')),
    top_up_id         text unique,
    at                timestamptz not null,
    recorded_at       timestamptz not null default now(),
    primary key (gateway, gateway_reference),
    check (became = 'payment' or top_up_id is not null)
);
create unique index gateway_receipt_pays_once on gateway_receipt (payment_id) where became = 'payment';
create trigger gateway_receipt_is_append_only before update or delete or truncate
    on gateway_receipt for each statement execute function refuse_change();

-- Money given back: at most once an item. A failed item gives back what was paid for it; one that
-- was done (a deletion, a smaller configuration) the unused value.
create table refund (
    refund_id   text primary key,
    account_id  text not null,
    order_id    text not null,
    item_id     text not null,
    item_amount bigint not null,
    outcome     text not null,
    payment_id  text references payment,
    wallet      text not null check (wallet in ('credit', 'poc')),
    amount      bigint not null check (amount > 0),
    reason      text not null,
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    unique (order_id, item_id),
    foreign key (order_id, item_id, outcome) references item_outcome (order_id, item_id, outcome),
    foreign key (order_id, item_id, item_amount) references order_item (order_id, item_id, amount),
    check (outcome = 'done' or amount = item_amount),
    check ((outcome = 'failed') = (reason = 'provisioning_failed'))
);
create trigger refund_is_append_only before update or delete or truncate on refund
    for each statement execute function refuse_change();

-- Resources as provisioning tells of them, for pricing what is done to them. `busy_with` is the
-- order under way: a second one is rejected (domain 5).
create table resource (
    resource_id       text primary key,
    account_id        text not null references account,
    product           text not null,
    name              text not null,
    user_type         text not null check (user_type in ('prepaid', 'postpaid')),
    state             text not null check (state in ('new', 'active', 'stopped', 'suspended', 'deleted', 'failed')),
    components        jsonb not null,
    starts_at         timestamptz,
    ends_at           timestamptz,
    auto_renew_months integer check (auto_renew_months in (1, 3, 6, 12, 24, 36)),
    auto_renew_set_at timestamptz,
    renewal_tried_at  timestamptz,
    next_renewal_at   timestamptz,
    reminded_on       date,
    version           integer not null default 0 check (version >= 0),
    in_trash          boolean not null default false,
    busy_with         text references purchase_order,
    check (user_type = 'prepaid' or auto_renew_months is null),
    check (auto_renew_months is not null or next_renewal_at is null),
    check (state = 'suspended' or not in_trash)
) with (fillfactor = 70);
create index resource_of_account on resource (account_id, resource_id);
create index resource_renewal_due on resource (next_renewal_at) where next_renewal_at is not null;
create index resource_ending on resource (ends_at)
    where user_type = 'prepaid' and state in ('active', 'stopped', 'suspended');

-- Automatic renewals that were tried, each once, and one at a time an account, so that credit goes
-- to what ends first (domain 7).
create table renewal_attempt (
    resource_id text not null references resource,
    ends_at     timestamptz not null,
    at          timestamptz not null,
    account_id  text not null references account,
    order_id    text not null unique,
    made_at     timestamptz not null,
    outcome     text check (outcome in ('paid', 'failed', 'lapsed')),
    reason      text,
    primary key (resource_id, ends_at, at),
    check (at < ends_at),
    check (outcome is distinct from 'failed' or reason is not null)
) with (fillfactor = 70);
create unique index renewal_one_at_a_time on renewal_attempt (account_id) where outcome is null;

-- What was paid for which stretch of a prepaid resource's term: what its unused value is worth.
-- A piece is live until the configuration changes or the resource is deleted.
create table term_piece (
    order_id    text not null,
    item_id     text not null,
    resource_id text not null references resource,
    starts_at   timestamptz not null,
    ends_at     timestamptz not null,
    paid        bigint not null check (paid >= 0),
    vat_rate    numeric not null,
    ended_at    timestamptz,
    primary key (order_id, item_id),
    foreign key (order_id, item_id) references order_item,
    check (starts_at <= ends_at)
);
create index term_piece_live on term_piece (resource_id) where ended_at is null;
