-- What Sales granted for proofs of concept (domain 9). An account's POC wallet has one end: the latest
-- of its grants' ends.
create table poc_grant (
    grant_id    text primary key,
    account_id  text not null references account,
    amount      bigint not null check (amount > 0),
    ends_at     timestamptz not null,
    granted_by  text not null,
    granted_at  timestamptz not null,
    recorded_at timestamptz not null default now()
);
create index poc_grant_of_account on poc_grant (account_id, granted_at);
create trigger poc_grant_is_append_only before update or delete or truncate on poc_grant
    for each statement execute function refuse_change();

-- The ends of POC wallets of which their users were reminded.
create table poc_reminder (
    account_id  text not null references account,
    ends_at     timestamptz not null,
    reminded_at timestamptz not null,
    primary key (account_id, ends_at)
);

-- A proof of concept is prepaid, and paid from the POC wallet while it runs; it is never renewed by
-- itself. Once it has ended it lies in the trash until it is paid by other means.
alter table resource
    add column poc text check (poc in ('running', 'ended')),
    add constraint resource_poc_is_prepaid check (poc is null or user_type = 'prepaid'),
    add constraint resource_poc_is_not_renewed check (poc is null or auto_renew_months is null),
    add constraint resource_poc_runs
        check (poc is distinct from 'running' or state in ('new', 'failed', 'active', 'stopped')),
    add constraint resource_poc_has_ended
        check (poc is distinct from 'ended' or state in ('suspended', 'deleted'));

-- What is granted is not sold at a discount.
alter table purchase_order add constraint purchase_order_poc_without_coupon
    check (payment_method is distinct from 'poc' or coupon is null);

