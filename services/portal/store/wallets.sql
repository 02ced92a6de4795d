-- name: find_wallets
-- An account's wallets.
select wallet, balance, held, available, at from wallet where account_id = $1;

-- name: find_entries
-- A wallet's history, newest first, from a place on.
select event_id, kind, amount, balance, held, available, reason, reference, at
from wallet_entry
where account_id = $1 and wallet = $2
  and ($3::timestamptz is null or (at, event_id) < ($3, $4::text))
order by at desc, position desc nulls last, event_id desc
limit $5;

-- name: find_pocs
-- Proofs of concept that were granted.
select grant_id, amount, ends_at, granted_by, at from poc where account_id = $1
order by at desc;

-- name: find_poc_end
-- When an account's POC wallet ends: each grant moves its end out (domain 9).
select max(ends_at) from poc where account_id = $1;
