-- Webhooks: what happens to an account, sent to its own systems. Times are real ones, not business
-- times: they are about sending.

-- Where an account wants its events. No types: all of them. The secret signs, so it can't be kept as
-- a hash; the one before it signs too for a while after a change. `failing_since`: since when nothing
-- got through.
create table webhook_endpoint (
    account_id       text not null,
    endpoint_id      text not null,
    url              text not null,
    description      text not null,
    event_types      text[] not null,
    secret           text not null check (length(secret) >= 32),
    old_secret       text,
    old_secret_until timestamptz,
    created_by       text not null,
    created_at       timestamptz not null,
    failing_since    timestamptz,
    disabled_at      timestamptz,
    disabled_because text check (disabled_because in ('owner', 'failing', 'gone')),
    primary key (account_id, endpoint_id),
    check ((old_secret is null) = (old_secret_until is null)),
    check ((disabled_at is null) = (disabled_because is null))
);

-- What is sent where: each event once an endpoint. `event_id` is what the receiver knows it by,
-- `body` the very bytes that are signed, at each attempt the same.
create table webhook_delivery (
    account_id   text not null,
    endpoint_id  text not null,
    event_id     text not null,
    type         text not null,
    body         text not null,
    state        text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed')),
    created_at   timestamptz not null default clock_timestamp(),
    due_at       timestamptz not null default clock_timestamp(),
    give_up_at   timestamptz not null,
    attempts     integer not null default 0 check (attempts >= 0),
    failures     integer not null default 0 check (failures >= 0),
    concluded_at timestamptz,
    primary key (account_id, endpoint_id, event_id),
    foreign key (account_id, endpoint_id) references webhook_endpoint on delete cascade,
    check ((state = 'waiting') = (concluded_at is null)),
    check (state <> 'delivered' or attempts > 0)
);
create index webhook_delivery_waiting on webhook_delivery (endpoint_id, due_at)
    where state = 'waiting';
create index webhook_delivery_latest
    on webhook_delivery (account_id, endpoint_id, created_at desc, event_id desc);
create index webhook_delivery_old on webhook_delivery (created_at);

-- What came of each try.
create table webhook_attempt (
    account_id  text not null,
    endpoint_id text not null,
    event_id    text not null,
    attempt     integer not null check (attempt > 0),
    at          timestamptz not null,
    took_ms     integer not null check (took_ms >= 0),
    status      integer,
    error       text,
    answer      text not null default '',
    primary key (account_id, endpoint_id, event_id, attempt),
    foreign key (account_id, endpoint_id, event_id) references webhook_delivery on delete cascade,
    check ((status is null) <> (error is null))
);
create trigger webhook_attempt_is_kept before update or truncate on webhook_attempt
    for each statement execute function refuse_change();
