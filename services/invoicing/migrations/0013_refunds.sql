-- What billing gave back of what prepaid invoices had been paid with: a credit note gives no more back
-- than is left of the money that went in for a resource (domain 6). A refund may be heard of before the
-- event of its resource.
create table resource_refund (
    account_id  text collate "C" not null,
    refund_id   text not null,
    resource_id text not null,
    amount      bigint not null check (amount > 0),
    at          timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (account_id, refund_id)
);
create unique index resource_refund_id_is_unique on resource_refund (refund_id);
create index resource_refund_of_resource on resource_refund (account_id, resource_id);
create trigger resource_refund_is_append_only before update or delete or truncate on resource_refund
    for each statement execute function refuse_change();
