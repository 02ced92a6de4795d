-- Programs: their keys, and what they were answered.

-- Keys of an account's programs. What a program has is not here, only its hash. Whoever made it and
-- whoever revoked it is in `act` as well.
create table api_key (
    account_id   text not null,
    key_id       text not null,
    name         text not null check (name <> ''),
    secret_hash  text not null unique,
    scopes       text[] not null check (scopes <@ array['read', 'write'] and scopes <> '{}'),
    created_by   text not null,
    created_at   timestamptz not null,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    primary key (account_id, key_id)
);

-- A key that was revoked stays so, and what it may do never changes: another key is made.
create function keep_key() returns trigger language plpgsql as $$
begin
    if (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at)
       or (old.secret_hash, old.scopes, old.created_by, old.created_at)
          is distinct from (new.secret_hash, new.scopes, new.created_by, new.created_at) then
        raise exception 'an API key is only ever used or revoked' using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger api_key_is_kept before update on api_key for each row execute function keep_key();

-- What was answered to what an account's programs did: the same again is answered the same.
-- `fingerprint` is of method, address and body.
create table api_answer (
    account_id  text not null,
    idempotency text not null,
    fingerprint text not null,
    status      integer not null check (status between 200 and 299),
    body        text not null,
    location    text,
    at          timestamptz not null,
    primary key (account_id, idempotency)
);
create index api_answer_at on api_answer (at);
create trigger api_answer_is_kept before update or truncate on api_answer
    for each statement execute function refuse_change();

-- Where lists begin: by when something was first told of.
create index placed_order_first on placed_order (account_id, (coalesce(
    placed_at, payment_asked_at, paid_at, confirmed_at, rejected_at, cancelled_at, '2000-01-01 00:00:00+00')) desc,
    order_id desc);
create index payment_first on payment (account_id, (coalesce(
    requested_at, confirmed_at, failed_at, '2000-01-01 00:00:00+00')) desc, payment_id desc);
