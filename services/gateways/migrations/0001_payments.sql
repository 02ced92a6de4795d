-- Money that accounts are to pay through gateways; and of the message that asked for it, what is to
-- be carried along by what is said of it.
create table payment (
    payment_id     text primary key,
    account_id     text not null,
    amount         bigint not null check (amount > 0),
    currency       text not null,
    method         text not null,
    gateway        text not null,
    requested_at   timestamptz not null,
    pay_until      timestamptz not null,
    cause_source   text not null,
    cause_id       text not null,
    correlation_id text,
    traceparent    text,
    recorded_at    timestamptz not null default now(),
    unique (payment_id, gateway),
    check (pay_until > requested_at)
);

-- A payment as its gateway knows it. Where the gateway has an id already and does not tell its page
-- again, the payment has a further order under another id. The page is kept once it is known.
-- Until when nothing was told, `next_query_at`, in business time, says when to ask.
create table gateway_order (
    gateway       text not null,
    order_id      text not null,
    payment_id    text not null,
    attempt       integer not null check (attempt between 1 and 10),
    url           text,
    next_query_at timestamptz,
    primary key (gateway, order_id),
    unique (payment_id, attempt),
    foreign key (payment_id, gateway) references payment (payment_id, gateway),
    check (url is not null or next_query_at is null)
) with (fillfactor = 70);
create index gateway_order_due on gateway_order (next_query_at) where next_query_at is not null;

-- What is to be asked of gateways outside of any transaction: a queue, in real time. Whoever claims
-- an errand has it until its `due_at`; then any worker may ask again, under the same order id.
create table errand (
    gateway  text not null,
    order_id text not null,
    kind     text not null check (kind in ('create', 'query')),
    due_at   timestamptz not null default clock_timestamp(),
    failures integer not null default 0 check (failures >= 0),
    primary key (gateway, order_id, kind),
    foreign key (gateway, order_id) references gateway_order
) with (fillfactor = 70);
create index errand_due on errand (due_at);

-- What gateways told, by themselves or when asked: each reference once, and once said. Money that
-- came under the reference of an earlier failure is another answer.
create table gateway_answer (
    gateway           text not null,
    gateway_reference text not null,
    outcome           text not null check (outcome in ('succeeded', 'failed')),
    order_id          text not null,
    amount            bigint check (amount > 0),
    reason            text,
    at                timestamptz not null,
    recorded_at       timestamptz not null default now(),
    primary key (gateway, gateway_reference, outcome),
    foreign key (gateway, order_id) references gateway_order,
    check ((outcome = 'succeeded') = (amount is not null)),
    check ((outcome = 'failed') = (reason is not null))
);
create index gateway_answer_of_order on gateway_answer (gateway, order_id);

-- Nothing is ever updated away (domain 11.6).
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger payment_is_append_only before update or delete or truncate on payment
    for each statement execute function refuse_change();
create trigger gateway_answer_is_append_only before update or delete or truncate on gateway_answer
    for each statement execute function refuse_change();

create function page_stays() returns trigger language plpgsql as $$
begin
    raise exception 'an order keeps its payment and its page' using errcode = 'restrict_violation';
end $$;
create trigger page_stays before update on gateway_order
    for each row when (old.payment_id <> new.payment_id or old.attempt <> new.attempt
                       or (old.url is not null and old.url is distinct from new.url))
    execute function page_stays();
