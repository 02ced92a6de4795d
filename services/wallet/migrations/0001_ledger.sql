-- An account's wallets. The balance belongs to this table and its CHECKs: whatever a worker
-- believes, no balance and no available credit goes below 0 (domain 11.1).
create table wallet (
    account_id text not null,
    wallet     text not null check (wallet in ('credit', 'poc')),
    currency   text not null,
    balance    bigint not null default 0 check (balance <= 1000000000000000),
    held       bigint not null default 0 check (held >= 0),
    transfers  bigint not null default 0 check (transfers >= 0),
    primary key (account_id, wallet),
    check (balance >= held),
    check (transfers > 0 or balance = 0)
) with (fillfactor = 70);

-- The ledger: each row moves an amount from one side to the other, so that it balances by
-- construction. One side is the account's wallet, the other where money comes from or goes to.
create table transfer (
    kind           text not null check (kind in ('top_up', 'refund', 'charge', 'grant', 'expiry')),
    transfer_id    text not null,
    account_id     text not null,
    wallet         text not null,
    position       bigint not null check (position > 0),
    debit_side     text not null,
    credit_side    text not null,
    amount         bigint not null check (amount > 0),
    currency       text not null,
    balance_before bigint not null check (balance_before >= 0),
    balance_after  bigint not null check (balance_after >= 0),
    reason         text not null,
    at             timestamptz not null,
    recorded_at    timestamptz not null default now(),
    primary key (kind, transfer_id),
    unique (account_id, wallet, position),
    check ((debit_side = 'wallet') <> (credit_side = 'wallet')),
    check (balance_after = balance_before + case when credit_side = 'wallet' then amount else -amount end),
    check (position > 1 or balance_before = 0)
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

-- Credit that is held: still the user's, but for one purpose only (domain 8). The change that was
-- applied last, by business time, is the one that counts.
create table hold (
    hold_id    text primary key,
    account_id text not null,
    wallet     text not null default 'credit' check (wallet = 'credit'),
    amount     bigint not null check (amount >= 0),
    change_id  text not null,
    changed_at timestamptz not null,
    foreign key (account_id, wallet) references wallet
) with (fillfactor = 70);
create index hold_of_wallet on hold (account_id, wallet);

-- What was decided on each command to hold or to release: once, also where it comes again later.
create table hold_change (
    change_id  text primary key,
    hold_id    text not null,
    account_id text not null,
    wallet     text not null default 'credit' check (wallet = 'credit'),
    amount     bigint not null check (amount >= 0),
    decision   text not null check (decision in ('held', 'released', 'declined', 'superseded')),
    reason     text not null,
    at         timestamptz not null,
    foreign key (account_id, wallet) references wallet,
    check (decision <> 'released' or amount = 0)
);

-- Nothing is ever updated away (domain 11.6).
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger transfer_is_append_only before update or delete or truncate on transfer
    for each statement execute function refuse_change();
create trigger declined_charge_is_append_only before update or delete or truncate on declined_charge
    for each statement execute function refuse_change();
create trigger hold_change_is_append_only before update or delete or truncate on hold_change
    for each statement execute function refuse_change();

-- A wallet's balance is the sum of its transfers (domain 11.1), by induction: each transfer begins
-- where the one before it ended, the first at 0, and the wallet stands where its last one ended.
-- A position is taken once, so two workers can't both continue from the same place. Each transfer
-- has a wallet, of its currency; wallets are never deleted, so this needs no foreign key.
-- Checked a statement at a time, not a row at a time: a posting moves wallets and appends
-- transfers in one statement, of which these triggers see the end. Single rows are looked up
-- by subqueries through indexes, so that the time does not grow with the ledger.
create function transfers_continue() returns trigger language plpgsql set enable_seqscan = off as $$
declare
    broken text;
begin
    select format('%s/%s at %s', a.account_id, a.wallet, a.position) into broken
    from added a
    where a.position > 1
      and a.balance_before is distinct from (
          select t.balance_after from transfer t
          where t.account_id = a.account_id and t.wallet = a.wallet and t.position = a.position - 1)
    limit 1;
    if found then
        raise exception 'a transfer does not begin where the one before it ended: %', broken
            using errcode = 'integrity_constraint_violation';
    end if;
    select format('%s/%s', a.account_id, a.wallet) into broken
    from (select account_id, wallet, max(position) as position, min(currency) as currency,
                 max(currency) as other_currency
          from added group by account_id, wallet) a
    where (select w.transfers = a.position and w.currency = a.currency
              and w.currency = a.other_currency
           from wallet w where w.account_id = a.account_id and w.wallet = a.wallet) is not true
    limit 1;
    if found then
        raise exception 'a wallet of this currency does not stand where its last transfer ended: %',
            broken using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
create trigger transfers_continue after insert on transfer referencing new table as added
    for each statement execute function transfers_continue();

create function wallets_stand() returns trigger language plpgsql set enable_seqscan = off as $$
declare
    broken text;
begin
    select format('%s/%s', c.account_id, c.wallet) into broken
    from changed c join before b using (account_id, wallet)
    where (c.transfers, c.balance) <> (b.transfers, b.balance)
      and (select t.position = c.transfers and t.balance_after = c.balance
           from transfer t where t.account_id = c.account_id and t.wallet = c.wallet
           order by t.position desc limit 1) is not true
    limit 1;
    if found then
        raise exception 'a wallet does not stand where its last transfer ended: %', broken
            using errcode = 'integrity_constraint_violation';
    end if;
    select format('%s/%s', c.account_id, c.wallet) into broken
    from changed c join before b using (account_id, wallet)
    where c.held <> b.held
      and c.held <> (select coalesce(sum(h.amount), 0) from hold h
                     where h.account_id = c.account_id and h.wallet = c.wallet)
    limit 1;
    if found then
        raise exception 'what a wallet holds is not the sum of its holds: %', broken
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
create trigger wallets_stand after update on wallet
    referencing old table as before new table as changed
    for each statement execute function wallets_stand();

create function new_wallet_is_empty() returns trigger language plpgsql as $$
begin
    raise exception 'a new wallet is empty' using errcode = 'integrity_constraint_violation';
end $$;
create trigger new_wallet_is_empty before insert on wallet
    for each row when (new.balance <> 0 or new.held <> 0 or new.transfers <> 0)
    execute function new_wallet_is_empty();

-- What a wallet holds is the sum of its holds.
create function holds_add_up() returns trigger language plpgsql set enable_seqscan = off as $$
declare
    broken text;
begin
    select format('%s/%s', w.account_id, w.wallet) into broken
    from (select distinct account_id, wallet from changed) c
    join wallet w using (account_id, wallet)
    where w.held <> (select coalesce(sum(h.amount), 0) from hold h
                     where h.account_id = w.account_id and h.wallet = w.wallet)
    limit 1;
    if found then
        raise exception 'what a wallet holds is not the sum of its holds: %', broken
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
create trigger new_holds_add_up after insert on hold referencing new table as changed
    for each statement execute function holds_add_up();
create trigger holds_add_up after update on hold referencing new table as changed
    for each statement execute function holds_add_up();

-- Wallets and holds stay whose they are, and are emptied instead of deleted.
create function refuse_move() returns trigger language plpgsql as $$
begin
    raise exception '% stays whose it is', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger hold_is_kept before delete or truncate on hold
    for each statement execute function refuse_move();
create trigger hold_stays before update of hold_id, account_id, wallet on hold
    for each row when ((old.hold_id, old.account_id, old.wallet)
                       is distinct from (new.hold_id, new.account_id, new.wallet))
    execute function refuse_move();
create trigger wallet_is_kept before delete or truncate on wallet
    for each statement execute function refuse_move();
create trigger wallet_stays before update of account_id, wallet, currency on wallet
    for each row when ((old.account_id, old.wallet, old.currency)
                       is distinct from (new.account_id, new.wallet, new.currency))
    execute function refuse_move();
