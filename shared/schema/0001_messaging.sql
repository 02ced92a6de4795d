-- What every service needs to handle each message once and to say each thing once.

-- The ids of messages that were handled. Partitioned by the day in the message, so that
-- forgetting is dropping a table. A partition is made when its first message comes.
create table inbox (
    day    date not null,
    source text not null,
    id     text not null,
    primary key (day, source, id)
) partition by range (day);

-- The days that have, or had, a partition. What belongs to a forgotten day is refused.
create table inbox_day (
    day          date primary key,
    opened_at    timestamptz not null default now(),
    forgotten_at timestamptz
);

-- Messages that came back after a crash and are being tried; `last_try` names the latest try, so
-- that a try which is noted twice, because no answer came, counts once.
create table suspect (
    source   text not null,
    id       text not null,
    tries    integer not null default 1 check (tries > 0),
    last_try text not null,
    primary key (source, id)
);

-- What was said but is not yet confirmed by the broker: a queue, not a log.
create table outbox (
    row_id         bigint generated always as identity primary key,
    exchange       text not null,
    routing_key    text not null,
    message_id     text not null,
    type           text not null,
    correlation_id text,
    attempt        integer not null default 0 check (attempt >= 0),
    must_arrive    boolean not null,
    body           bytea not null,
    due_at         timestamptz not null,
    failures       integer not null default 0 check (failures >= 0)
) with (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);
create index outbox_due on outbox (due_at);
-- Copies of a message that are put off become one again, lest each retry have more of them.
create unique index outbox_put_off on outbox (message_id, attempt, md5(body)) where attempt > 0;

-- Messages that could not be handled, kept until an operator replays or discards them.
create table dead_letter (
    number       bigint generated always as identity primary key,
    source       text,
    message_id   text,
    type         text,
    reason       text not null,
    detail       text not null,
    attempt      integer not null default 0,
    body         bytea not null,
    properties   jsonb not null default '{}',
    died_at      timestamptz not null default now(),
    concluded_at timestamptz,
    conclusion   text check (conclusion in ('replayed', 'discarded')),
    check ((concluded_at is null) = (conclusion is null))
);
create unique index dead_letter_open on dead_letter (source, message_id)
    where concluded_at is null and message_id is not null and source is not null;
create index dead_letter_waiting on dead_letter (number) where concluded_at is null;
