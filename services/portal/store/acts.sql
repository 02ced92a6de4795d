-- name: append_act
-- Somebody did something; nothing comes back where the same form was sent before.
insert into act (act_id, idempotency, actor, role, account_id, kind, message_id, correlation_id,
                 details, reason, address, session, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, $13)
on conflict (actor, idempotency) do nothing
returning act_id;

-- name: find_act_of_key
-- The act that was kept under a key of its actor's.
select act_id from act where actor = $1 and idempotency = $2;

-- name: find_act
-- An act, with what it became.
select act_id, actor, role, account_id, kind, message_id, correlation_id, details, reason, at
from act where act_id = $1;

-- name: find_acts
-- An account's acts, newest first.
select act_id, actor, role, kind, correlation_id, details, reason, at
from act where account_id = $1
order by at desc limit $2;
