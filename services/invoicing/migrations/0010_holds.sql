-- Use-priced products, which prepaid users use against a hold (domain 8).
alter table product_version add column use_priced boolean not null default false;

-- Which user type an account has from an instant on; an account not in here is prepaid (domain 10).
create table account_switch (
    account_id text collate "C" not null,
    at         timestamptz not null,
    user_type  text not null check (user_type in ('prepaid', 'postpaid')),
    primary key (account_id, at, user_type)
);
create trigger account_switch_is_append_only before update or delete or truncate on account_switch
    for each statement execute function refuse_change();

-- The credit that is to be held for each use-priced resource of a prepaid user: `asked` is what the
-- wallet was told last, by the change `number`, at the business time `asked_at`; `held` is what it
-- held by its last answer. While the hold pays an invoice, by `payment_id`, it is not changed.
-- `short_since` is when credit was first short for it, and `suspension` how far its resource is
-- suspended for that. An ended hold is empty, and its resource gone and invoiced.
create table credit_hold (
    account_id  text collate "C" not null references account,
    resource_id text not null unique references resource,
    number      integer not null check (number >= 0),
    asked       bigint not null check (asked >= 0),
    asked_at    timestamptz not null,
    answer      text check (answer in ('held', 'declined')),
    held        bigint not null check (held >= 0),
    short_since timestamptz,
    noticed_on  date,
    suspension  text check (suspension in ('asked', 'suspended', 'ending')),
    payment_id  text unique,
    ended       boolean not null default false,
    changed_at  timestamptz not null default now(),
    primary key (account_id, resource_id),
    check (answer is distinct from 'held' or held = asked),
    check (answer is distinct from 'held' or short_since is null),
    check (answer is distinct from 'declined' or short_since is not null),
    check (payment_id is null or answer is null),
    check (not ended or asked = 0 and answer = 'held' and payment_id is null)
) with (fillfactor = 70);
create index credit_hold_open on credit_hold (account_id, resource_id) where not ended;
create index credit_hold_short on credit_hold (account_id) where short_since is not null;

-- A hold's changes go upwards, in number and in business time, and it stays whose it is: the wallet
-- counts the one with the highest.
create function refuse_earlier_change() returns trigger language plpgsql as $$
begin
    raise exception 'the hold of % is at its change %, of %', old.resource_id, old.number, old.asked_at
        using errcode = 'restrict_violation';
end $$;
create trigger credit_hold_goes_forward before update on credit_hold for each row
    when (new.number < old.number or new.asked_at < old.asked_at
          or new.number = old.number and new.asked <> old.asked
          or (new.account_id, new.resource_id) is distinct from (old.account_id, old.resource_id))
    execute function refuse_earlier_change();
create trigger credit_hold_is_kept before delete or truncate on credit_hold
    for each statement execute function refuse_deletion();
