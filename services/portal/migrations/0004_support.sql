-- What the Support console shows besides accounts: dead letters of all services, the month's runs,
-- and a way to find an account by whatever a person knows of it.

-- Dead letters, as their services told of them and of what became of them, in any order.
create table reported_letter (
    service           text not null,
    number            bigint not null check (number > 0),
    died_at           timestamptz,
    reason            text,
    detail            text,
    letter_type       text,
    letter_source     text,
    letter_id         text,
    account_id        text,
    correlation_id    text,
    body              text,
    cut               boolean,
    conclusion        text check (conclusion in ('replayed', 'discarded')),
    concluded_at      timestamptz,
    concluded_by      text,
    concluded_because text,
    primary key (service, number),
    check ((conclusion is null) = (concluded_at is null))
);
create index reported_letter_waiting on reported_letter (died_at, service, number)
    where conclusion is null and died_at is not null;
create index reported_letter_of_message on reported_letter (letter_id) where letter_id is not null;
create index reported_letter_of_account on reported_letter (account_id) where conclusion is null;

-- The month's runs, range by range.
create table month_run (
    period       text primary key,
    ranges       integer check (ranges >= 0),
    began_at     timestamptz,
    completed_at timestamptz,
    invoices     bigint,
    quarantined  bigint,
    amounts      jsonb
);
create table month_range (
    period       text not null,
    range_number integer not null,
    account_id   text,
    invoices     bigint not null check (invoices >= 0),
    quarantined  bigint not null check (quarantined >= 0),
    at           timestamptz not null,
    primary key (period, range_number)
);
create table month_quarantine (
    period     text not null,
    account_id text not null,
    reason     text,
    detail     text,
    at         timestamptz not null,
    resolved   boolean not null,
    primary key (period, account_id)
);
create index month_quarantine_open on month_quarantine (period, account_id) where not resolved;

-- Found by the beginning of what somebody knows: compared byte by byte, so that an index serves.
create index account_by_id_begun on account (account_id collate "C");
create index account_by_email_begun on account (lower(email) collate "C");
create index account_by_words on account using gin (to_tsvector('simple', coalesce(name, '')));
create index placed_order_by_id on placed_order (order_id);
create index resource_by_id on resource (resource_id);
create index order_item_by_resource on order_item (resource_id);
create index invoice_by_number on invoice (number);
create index invoice_by_id on invoice (invoice_id);
create index payment_by_id on payment (payment_id);

-- What belongs to an order is found from any event that names it.
create index event_of_order on event (account_id, (payload ->> 'order_id'))
    where payload ->> 'order_id' is not null;
create index act_latest on act (at desc, act_id);
create index act_of_actor on act (actor, at desc, act_id);
