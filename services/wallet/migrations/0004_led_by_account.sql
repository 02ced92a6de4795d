-- Every table of accounts is led by account_id, so that Postgres can be spread by it (Citus): primary
-- keys begin with it. Ids that are minted once for all accounts are guarded by an index of their own,
-- `..._id_is_unique`: the same top-up counts once, whosever it says it is.
lock table wallet, transfer, declined_charge, hold, hold_change in access exclusive mode;

alter table transfer
    drop constraint transfer_pkey,
    drop constraint transfer_account_id_wallet_position_key,
    add primary key (account_id, wallet, position);
create unique index transfer_id_is_unique on transfer (kind, transfer_id);

alter table declined_charge
    drop constraint declined_charge_pkey,
    add primary key (account_id, charge_id);
create unique index declined_charge_id_is_unique on declined_charge (charge_id);

alter table hold
    drop constraint hold_pkey,
    add primary key (account_id, wallet, hold_id);
drop index hold_of_wallet;
create unique index hold_id_is_unique on hold (hold_id);

alter table hold_change
    drop constraint hold_change_pkey,
    add primary key (account_id, change_id);
create unique index hold_change_id_is_unique on hold_change (change_id);
