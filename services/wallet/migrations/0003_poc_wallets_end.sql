-- A POC wallet has an end, after which it spends nothing; it is only ever moved out (domain 9).
alter table wallet
    add column ends_at timestamptz,
    add constraint wallet_only_poc_ends check (ends_at is null or wallet = 'poc');

create function refuse_earlier_end() returns trigger language plpgsql as $$
begin
    raise exception 'the end of a POC wallet is only moved out' using errcode = 'restrict_violation';
end $$;
create trigger wallet_end_moves_out before update of ends_at on wallet
    for each row when (old.ends_at is not null and (new.ends_at < old.ends_at or new.ends_at is null))
    execute function refuse_earlier_end();

create function ended_wallet_spends_nothing() returns trigger language plpgsql as $$
begin
    if exists (select from wallet w
               where w.account_id = new.account_id and w.wallet = new.wallet
                 and w.ends_at <= new.at) then
        raise exception 'the POC wallet of % has ended', new.account_id
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
create trigger ended_wallet_spends_nothing after insert on transfer
    for each row when (new.kind = 'charge' and new.wallet = 'poc')
    execute function ended_wallet_spends_nothing();
