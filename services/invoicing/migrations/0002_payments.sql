-- Money that is being collected for an invoice, and is reserved in its state meanwhile.
create table invoice_collection (
    payment_id   text primary key,
    invoice_id   text not null references invoice_state,
    account_id   text collate "C" not null,
    amount       bigint not null check (amount > 0),
    method       text not null check (method in ('credit', 'gateway')),
    automatic    boolean not null,
    asked_at     timestamptz not null,
    outcome      text check (outcome in ('confirmed', 'failed'))
);
create index invoice_collection_of_invoice on invoice_collection (invoice_id);
-- Automatic payment collects for one invoice of an account at a time.
create unique index invoice_collection_automatic on invoice_collection (account_id)
    where automatic and outcome is null;

-- Payments of invoices. What exceeded the outstanding amount went back as credit: `overpaid`.
-- Each begins at what the one before it had paid: together they are what is paid.
create table invoice_payment (
    payment_id  text primary key,
    invoice_id  text not null references invoice_state,
    account_id  text collate "C" not null,
    method      text not null,
    amount      bigint not null check (amount >= 0),
    overpaid    bigint not null check (overpaid >= 0),
    paid_before bigint not null check (paid_before >= 0),
    paid_after  bigint not null,
    at          timestamptz not null,
    recorded_by text,
    note        text,
    recorded_at timestamptz not null default now(),
    check (amount + overpaid > 0),
    check (paid_after = paid_before + amount)
);
create unique index invoice_payment_chain on invoice_payment (invoice_id, paid_before)
    where amount > 0;
create trigger invoice_payment_is_append_only before update or delete or truncate on invoice_payment
    for each statement execute function refuse_change();

-- Accounts that had something to pay: the last day on which it was seen to, once a day (domain 4),
-- and when it was last told that they are overdue, until they have paid what was due.
create table account_dues (
    account_id      text collate "C" primary key,
    day             date not null,
    overdue_told_at timestamptz
) with (fillfactor = 70);
