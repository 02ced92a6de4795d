-- Corrections of issued invoices: each names its invoice and is numbered within it. Each begins at
-- what those before it had credited; together they never exceed the invoice. `given_back` is the part
-- that had been paid already and went back as credit.
create table credit_note (
    credit_note_id  text primary key,
    invoice_id      text not null references invoice_state,
    position        integer not null check (position > 0),
    account_id      text collate "C" not null,
    amount          bigint not null check (amount > 0),
    net             bigint not null check (net >= 0),
    vat             bigint not null check (vat >= 0),
    given_back      bigint not null check (given_back between 0 and amount),
    refund_id       text unique,
    credited_before bigint not null check (credited_before >= 0),
    credited_after  bigint not null,
    reason          text not null,
    requested_by    text not null,
    at              timestamptz not null,
    recorded_at     timestamptz not null default now(),
    unique (invoice_id, position),
    unique (invoice_id, credited_before),
    check ((given_back > 0) = (refund_id is not null)),
    check (net + vat = amount),
    check (credited_after = credited_before + amount)
);
create trigger credit_note_is_append_only before update or delete or truncate on credit_note
    for each statement execute function refuse_change();
