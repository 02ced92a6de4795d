-- name: append_key
-- A key is made.
insert into api_key (account_id, key_id, name, secret_hash, scopes, created_by, created_at)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: find_key
-- The key of a secret, unless it was revoked; that it was used is noted once a minute.
with found as (
    select account_id, key_id, scopes, last_used_at from api_key
    where secret_hash = $1 and revoked_at is null
), used as (
    update api_key k set last_used_at = $2 from found f
    where k.account_id = f.account_id and k.key_id = f.key_id
      and (f.last_used_at is null or f.last_used_at < $2::timestamptz - interval '1 minute')
)
select account_id, key_id, scopes from found;

-- name: find_keys
-- An account's keys, the newest first.
select key_id, name, scopes, created_by, created_at, last_used_at, revoked_at
from api_key where account_id = $1
order by created_at desc, key_id
limit 200;

-- name: count_keys
-- How many keys of an account can be used.
select count(*) from api_key where account_id = $1 and revoked_at is null;

-- name: revoke_key
-- A key is good for nothing any more; nothing comes back where there is none to revoke.
update api_key set revoked_at = $3 where account_id = $1 and key_id = $2 and revoked_at is null
returning key_id;

-- name: lock_idempotency
-- Whoever does the same at the same time waits until it is done.
select pg_advisory_xact_lock(hashtextextended('cloudtill portal ' || $1 || ' ' || $2, 0));

-- name: append_answer
-- What is answered to a program's act.
insert into api_answer (account_id, idempotency, fingerprint, status, body, location, at)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: find_answer
-- What was answered under a key.
select fingerprint, status, body, location from api_answer
where account_id = $1 and idempotency = $2;

-- name: forget_answers
-- Answers of times long past.
delete from api_answer where at < $1;
