-- name: open_wallets
-- The wallets of newly registered accounts; those that exist stay as they are.
insert into wallet (account_id, wallet, currency)
select * from unnest($1::text[], $2::text[], $3::text[])
on conflict (account_id, wallet) do nothing;

-- name: lock_wallets
-- The wallets with these keys, locked in a fixed order so that two workers never deadlock.
select account_id, wallet, currency, balance, held, ends_at, transfers
from wallet
where (account_id, wallet) in (select * from unnest($1::text[], $2::text[]))
order by account_id, wallet
for no key update;

-- name: move_ends_out
-- The latest end that was granted is the end of an account's POC wallet; the wallets are locked.
update wallet w set ends_at = greatest(w.ends_at, t.ends_at)
from (
    select account_id, max(ends_at) as ends_at
    from unnest($1::text[], $2::timestamptz[]) as t (account_id, ends_at) group by account_id
) t
where w.account_id = t.account_id and w.wallet = 'poc';

-- name: find_transfers
-- The transfers that are already in the ledger under these ids.
select transfer_id, account_id, wallet, amount
from transfer
where kind = $1 and transfer_id = any($2::text[]);

-- name: find_decided_charges
-- The charges that were granted or declined before, with what was taken, or asked for.
select transfer_id as charge_id, account_id, wallet, amount, true as granted
from transfer where kind = 'charge' and transfer_id = any($1::text[])
union all
select charge_id, account_id, wallet, amount, false
from declined_charge where charge_id = any($1::text[]);

-- name: append_transfers
-- Post transfers in their order and move the balances; one row out for each, with the balance after it.
-- What is held does not change here, so that it may be read by key from before: what the other parts
-- return has no index, and for each row of one all of the other would be looked through.
with input as (
    select *
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                $7::bigint[], $8::bigint[], $9::text[], $10::timestamptz[])
        with ordinality as t (kind, transfer_id, account_id, wallet, debit_side, credit_side,
                              amount, delta, reason, at, ordinal)
), moved as (
    update wallet w
    set balance = w.balance + d.delta, transfers = w.transfers + d.transfers
    from (
        select account_id, wallet, sum(delta)::bigint as delta, count(*) as transfers
        from input group by account_id, wallet
    ) d
    where w.account_id = d.account_id and w.wallet = d.wallet
    returning w.account_id, w.wallet, w.currency, w.held,
              w.balance - d.delta as balance_before, w.transfers - d.transfers as transfers_before
), posted as (
    insert into transfer (kind, transfer_id, account_id, wallet, position, debit_side, credit_side,
                          amount, currency, balance_before, balance_after, reason, at)
    select i.kind, i.transfer_id, i.account_id, i.wallet,
           m.transfers_before + row_number() over history,
           i.debit_side, i.credit_side, i.amount, m.currency,
           m.balance_before + sum(i.delta) over history - i.delta,
           m.balance_before + sum(i.delta) over history,
           i.reason, i.at
    from input i join moved m using (account_id, wallet)
    window history as (partition by i.account_id, i.wallet order by i.ordinal)
    returning kind, transfer_id, account_id, wallet, amount, balance_after, position
)
select p.kind, p.transfer_id, p.amount, p.balance_after as balance, p.position, w.held
from posted p join wallet w using (account_id, wallet);

-- name: append_declined_charges
-- Remember that these charges were declined.
insert into declined_charge (charge_id, account_id, wallet, amount, available, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[]);

-- name: lock_holds
-- The holds with these ids; their wallets are locked.
select hold_id, account_id, amount, change_id, changed_at
from hold where hold_id = any($1::text[])
order by hold_id
for no key update;

-- name: find_hold_changes
-- The changes of holds that were decided before.
select change_id, hold_id, account_id, amount, decision
from hold_change where change_id = any($1::text[]);

-- name: append_hold_changes
-- Remember what was decided on changes of holds.
insert into hold_change (change_id, hold_id, account_id, amount, decision, reason, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[],
                     $7::timestamptz[]);

-- name: save_holds
-- Set holds to what they are now, and what their wallets hold with them.
with input as (
    select *
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[])
        as t (hold_id, account_id, amount, change_id, changed_at)
), moved as (
    update wallet w
    set held = w.held + d.delta
    from (
        select i.account_id, sum(i.amount - coalesce(h.amount, 0))::bigint as delta
        from input i
        left join hold h on h.account_id = i.account_id and h.wallet = 'credit' and h.hold_id = i.hold_id
        group by i.account_id
    ) d
    where w.account_id = d.account_id and w.wallet = 'credit' and d.delta <> 0
)
insert into hold (hold_id, account_id, amount, change_id, changed_at)
select hold_id, account_id, amount, change_id, changed_at from input
on conflict (account_id, wallet, hold_id) do update
set amount = excluded.amount, change_id = excluded.change_id, changed_at = excluded.changed_at;

-- name: show_wallets
-- The wallets of an account, for people.
select account_id, wallet, currency, balance, held, balance - held as available, ends_at
from wallet where account_id = $1 order by wallet;

-- name: show_credit_history
-- An account's credit history with its running balance, newest first, a page at a time.
select position, at, kind, transfer_id as reference, reason,
       case when credit_side = 'wallet' then amount else -amount end as amount,
       balance_after as balance, currency
from transfer
where account_id = $1 and wallet = $2 and position < coalesce($3::bigint, 9223372036854775807)
order by position desc
limit $4;

-- name: show_holds
-- What is held of an account's credit, for people.
select hold_id, amount, changed_at from hold
where account_id = $1 and amount > 0
order by hold_id;

-- name: show_hold_changes
-- What was decided on a hold, newest first, for people.
select at, amount, decision, reason from hold_change where hold_id = $1
order by at desc, change_id desc
limit $2;
