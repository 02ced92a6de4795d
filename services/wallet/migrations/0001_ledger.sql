-- An account's wallets. The balance belongs to this table and its CHECKs: whatever a worker
-- believes, no balance and no available credit goes below 0 (domain 11.1).
create table wallet (
    account_id text not null,
    wallet     text not null check (wallet in ('credit', 'poc')),
    currency   text not null,
    balance    bigint not null default 0,
    held       bigint not null default 0,
    transfers  bigint not null default 0 check (transfers >= 0),
    primary key (account_id, wallet),
    check (held >= 0),
    check (balance >= held)
) with (fillfactor = 70);

-- The ledger: each row moves an amount from one side to the other, so that it balances by
-- construction. One side is the account's wallet, the other where money comes from or goes to.
create table transfer (
    kind          text not null check (kind in ('top_up', 'refund', 'charge', 'grant', 'expiry')),
    transfer_id   text not null,
    account_id    text not null,
    wallet        text not null,
    position      bigint not null check (position > 0),
    debit_side    text not null,
    credit_side   text not null,
    amount        bigint not null check (amount > 0),
    currency      text not null,
    balance_after bigint not null check (balance_after >= 0),
    reason        text not null,
    at            timestamptz not null,
    recorded_at   timestamptz not null default now(),
    primary key (kind, transfer_id),
    unique (account_id, wallet, position),
    foreign key (account_id, wallet) references wallet,
    check ((debit_side = 'wallet') <> (credit_side = 'wallet'))
);

-- Charges that were declined: a charge is decided once, also where its command comes again later.
create table declined_charge (
    charge_id  text primary key,
    account_id text not null,
    wallet     text not null,
    amount     bigint not null check (amount > 0),
    available  bigint not null check (available >= 0),
    at         timestamptz not null,
    foreign key (account_id, wallet) references wallet,
    check (available < amount)
);

-- Nothing is ever updated away (domain 11.6).
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger transfer_is_append_only before update or delete or truncate on transfer
    for each statement execute function refuse_change();
