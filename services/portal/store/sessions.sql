-- name: append_session
-- Somebody logs in.
insert into session (session_hash, subject, name, email, roles, account_ids, csrf, language,
                     created_at, seen_at, ends_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10);

-- name: find_session
-- A login that is not over, seen now; it is noted once a minute, not at each page.
with found as (
    select * from session
    where session_hash = $1 and ends_at > $2 and seen_at > $2 - $3::interval
), seen as (
    update session s set seen_at = $2 from found f
    where s.session_hash = f.session_hash and f.seen_at < $2 - interval '1 minute'
)
select session_hash, subject, name, roles, account_ids, csrf, language from found;

-- name: append_member
-- Somebody opened an account.
insert into member (subject, account_id, at) values ($1, $2, $3) on conflict do nothing;

-- name: find_opened
-- The accounts that somebody opened.
select account_id from member where subject = $1 order by at, account_id;

-- name: add_account
-- An account that was just opened belongs to whoever opened it.
update session set account_ids = array_append(account_ids, $2)
where session_hash = $1 and not $2 = any (account_ids);

-- name: end_session
-- Somebody logs out.
delete from session where session_hash = $1;

-- name: forget_sessions
-- Logins that are over.
delete from session where ends_at <= $1;

-- name: forget_allowances
-- Counts of times past.
delete from allowance where window_at < $1;

-- name: count
-- Something is done once more in a minute; how often it was.
insert into allowance as a (what, window_at, times) values ($1, $2, 1)
on conflict (what, window_at) do update set times = a.times + 1
returning times;
