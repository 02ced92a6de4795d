-- What credit notes of prepaid invoices gave back of what was paid for an item, as invoicing told: a
-- refund never exceeds what is left of the money that went in for a resource (domain 6).
create table credit_note (
    account_id     text not null,
    credit_note_id text not null,
    order_id       text not null,
    item_id        text not null,
    given_back     bigint not null check (given_back > 0),
    at             timestamptz not null,
    recorded_at    timestamptz not null default now(),
    primary key (account_id, credit_note_id),
    foreign key (account_id, order_id, item_id) references order_item
);
create unique index credit_note_id_is_unique on credit_note (credit_note_id);
create index credit_note_of_item on credit_note (account_id, order_id, item_id);
create trigger credit_note_is_append_only before update or delete or truncate on credit_note
    for each statement execute function refuse_change();
