-- Whom an account's documents are made out to, from a time on. Nothing is changed: a document keeps
-- what it was issued with.
create table billing_details (
    account_id text not null,
    at         timestamptz not null,
    event_id   text not null,
    legal_name text,
    address    text[] not null check (cardinality(address) <= 5),
    country    text not null check (country ~ '^[A-Z]{2}$'),
    tax_code   text check (tax_code ~ '^[0-9A-Z-]{3,20}$'),
    primary key (account_id, at, event_id)
);
create trigger billing_details_are_kept before update or delete or truncate on billing_details
    for each statement execute function refuse_change();
