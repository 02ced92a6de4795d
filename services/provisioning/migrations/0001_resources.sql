-- What provisioning must know of a product, effective-dated; the latest publication for an instant
-- counts, in whatever order publications come.
create table product_version (
    product        text not null,
    effective_from timestamptz not null,
    published_at   timestamptz not null,
    message_id     text not null,
    driver         text not null,
    driver_options jsonb not null check (jsonb_typeof(driver_options) = 'object'),
    expiry_policy  text not null check (expiry_policy in ('trash', 'grace')),
    trash_days     integer not null check (trash_days >= 0),
    metered        boolean not null,
    primary key (product, effective_from, published_at, message_id)
);

-- Which user type an account has from an instant on; an account not in here is prepaid (domain 10).
create table account_switch (
    account_id text not null,
    at         timestamptz not null,
    message_id text not null,
    user_type  text not null check (user_type in ('prepaid', 'postpaid')),
    primary key (account_id, at, message_id)
);

-- One running thing of an account (domain 1, 5). `next_step` is what time does to it next, at
-- `next_due_at`; `open_request` is what it is busy with, and time waits for that.
-- `changed_at` is by the clock: it tells the audit what may still be on its way.
create table resource (
    resource_id  text primary key,
    account_id   text not null,
    product      text not null,
    name         text not null,
    user_type    text not null check (user_type in ('prepaid', 'postpaid')),
    state        text not null
        check (state in ('new', 'active', 'stopped', 'suspended', 'deleted', 'failed')),
    suspended_by text check (suspended_by in ('trash_policy', 'grace_policy', 'deletion')),
    components   jsonb not null check (jsonb_typeof(components) = 'array'),
    starts_at    timestamptz,
    ends_at      timestamptz,
    version      integer not null default 0 check (version >= 0),
    open_request text,
    next_step    text check (next_step in ('expire', 'suspend', 'release')),
    next_due_at  timestamptz,
    changed_at   timestamptz not null default now(),
    check ((state = 'suspended') = (suspended_by is not null)),
    check (state <> 'new' or open_request is not null),
    check ((state in ('new', 'failed')) = (version = 0)),
    check ((state in ('new', 'failed')) = (starts_at is null)),
    check (ends_at >= starts_at),
    check (state in ('new', 'failed', 'deleted') or user_type = 'postpaid' or ends_at is not null),
    check (state not in ('active', 'stopped') or (ends_at is not null) = (user_type = 'prepaid')),
    check ((next_step is null) = (next_due_at is null)),
    check (state in ('new', 'failed', 'deleted') <= (next_step is null)),
    check (state not in ('active', 'stopped') or (next_step is not null) = (ends_at is not null)),
    check (state <> 'suspended' or next_step = 'release')
) with (fillfactor = 70);
create index resource_due on resource (next_due_at)
    where next_due_at is not null and open_request is null;
create index resource_of_account on resource (account_id, resource_id);

-- What a driver was asked: for an item of an order, or to follow up on what has happened to a
-- resource (`order_id` is null: switch off what was suspended, take back what came too late).
create table request (
    request_id     text primary key,
    resource_id    text not null references resource,
    account_id     text not null,
    action         text not null check (action in
        ('create', 'resize', 'renew', 'recover', 'delete', 'stop', 'start', 'reboot')),
    order_id       text,
    item_id        text,
    item           jsonb,
    payment_id     text,
    correlation_id text,
    driver         text not null,
    asked_at       timestamptz not null,
    deadline       timestamptz check (deadline >= asked_at),
    outcome        text
        check (outcome in ('succeeded', 'failed', 'not_possible', 'timed_out', 'taken_back')),
    concluded_at   timestamptz,
    details        jsonb,
    unique (order_id, item_id),
    check ((order_id is null) = (item_id is null)),
    check ((order_id is null) = (item is null)),
    check (payment_id is null or order_id is not null),
    check ((outcome is null) = (concluded_at is null))
) with (fillfactor = 70);
create unique index request_one_open_a_resource on request (resource_id)
    where outcome is null and order_id is not null;
create index request_deadline on request (deadline) where outcome is null;
create index request_of_resource on request (resource_id, asked_at);

alter table resource add constraint resource_open_request_is_a_request
    foreign key (open_request) references request deferrable initially deferred;

-- The first terminal answer wins: what was concluded stays so. Only a success that came after its
-- time limit is noted once more, as taken back; a deletion can't be taken back.
create function refuse_second_outcome() returns trigger language plpgsql as $$
begin
    raise exception 'request % is concluded as %', old.request_id, old.outcome
        using errcode = 'restrict_violation';
end $$;
create trigger request_is_concluded_once before update on request for each row
    when (old.outcome is not null
          and not (old.outcome = 'timed_out' and new.outcome = 'taken_back')
          and not (old.outcome = 'timed_out' and new.outcome = 'succeeded'
                   and old.action = 'delete'))
    execute function refuse_second_outcome();

-- What is gone is gone, and a resource's events are counted upwards.
create function refuse_resurrection() returns trigger language plpgsql as $$
begin
    raise exception 'resource % is % at version %', old.resource_id, old.state, old.version
        using errcode = 'restrict_violation';
end $$;
create trigger resource_goes_forward before update on resource for each row
    when (new.version < old.version
          or old.state in ('deleted', 'failed') and new.state <> old.state
          or old.state <> 'new' and new.state = 'new')
    execute function refuse_resurrection();

-- Nothing is ever updated away (domain 11.6).
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger product_version_is_append_only before update or delete or truncate on product_version
    for each statement execute function refuse_change();
create trigger account_switch_is_append_only before update or delete or truncate on account_switch
    for each statement execute function refuse_change();
