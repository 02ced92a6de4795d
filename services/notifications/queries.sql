-- name: save_accounts
-- New accounts; those that exist stay as they are.
insert into account (account_id, email, name, currency, language, time_zone, registered_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::timestamptz[])
on conflict (account_id) do nothing;

-- name: find_accounts
-- What accounts do not want to hear of.
select account_id, muted from account where account_id = any($1::text[]);

-- name: lock_accounts
-- Accounts whose preferences are being set, held, and when they were set last.
select account_id, preferences_at from account where account_id = any($1::text[])
order by account_id
for no key update;

-- name: save_preferences
-- What accounts, which are held, do not want to hear of any more.
update account a set muted = i.muted::text[], preferences_at = i.at
from unnest($1::text[], $2::text[], $3::timestamptz[]) as i (account_id, muted, at)
where a.account_id = i.account_id;

-- name: save_languages
-- In which language accounts, which are held, are written to, by the latest wish that says so.
update account a set language = i.language, language_at = i.at
from unnest($1::text[], $2::text[], $3::timestamptz[]) as i (account_id, language, at)
where a.account_id = i.account_id and (a.language_at is null or a.language_at < i.at);

-- name: find_recipients
-- Who gets copies, or was asked to agree to it.
select account_id, email, expires_at, confirmed_at is not null as confirmed
from recipient where account_id = any($1::text[]);

-- name: save_recipients
-- Ask addresses to agree; who was asked too long ago is asked again.
insert into recipient (account_id, email, token, asked_at, expires_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
on conflict (account_id, email) do update
set token = excluded.token, asked_at = excluded.asked_at, expires_at = excluded.expires_at;

-- name: drop_recipients
-- Addresses that are to get no more copies.
delete from recipient r
using unnest($1::text[], $2::text[]) as i (account_id, email)
where r.account_id = i.account_id and r.email = i.email;

-- name: confirm_recipients
-- Addresses that agreed in time.
update recipient r set confirmed_at = i.at
from (
    select token, min(at) as at from unnest($1::text[], $2::timestamptz[]) as t (token, at) group by 1
) i
where r.token = i.token and r.confirmed_at is null and i.at >= r.asked_at and i.at < r.expires_at
returning r.token, r.account_id, r.email, r.asked_at, r.confirmed_at;

-- name: append_notices
-- Note notices that are asked for; those that come back are new.
insert into notice (notice_id, account_id, template, facts, email, asked_at, cause_source, cause_id,
                    cause_type, correlation_id, traceparent)
select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::timestamptz[],
                     $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
on conflict (notice_id) do nothing
returning notice_id;

-- name: append_errands
-- Have notices sent.
insert into errand (notice_id) select unnest($1::text[]);

-- name: append_muted
-- Notices that their accounts do not want.
insert into notice_outcome (notice_id, outcome) select unnest($1::text[]), 'muted';

-- name: claim_errands
-- Lease notices that are due; those that another worker is just claiming are passed over.
with claimed as (
    update errand set due_at = clock_timestamp() + make_interval(secs => $1)
    where notice_id in (
        select notice_id from errand where due_at <= clock_timestamp()
        order by due_at limit $2 for update skip locked
    )
    returning notice_id, failures
)
select n.notice_id, n.account_id, n.template, n.facts::text, n.email as only_to, n.asked_at,
       n.cause_source, n.cause_id, n.cause_type, n.correlation_id, n.traceparent, c.failures,
       extract(epoch from clock_timestamp() - n.recorded_at)::float8 as waited_s,
       a.email, a.name, a.currency, a.language, a.time_zone,
       array(
           select r.email from recipient r
           where r.account_id = n.account_id and r.confirmed_at is not null order by r.email
       ) as confirmed
from claimed c
join notice n using (notice_id)
join account a using (account_id);

-- name: postpone_errand
-- A notice could not be sent; it is tried again later.
update errand
set due_at = clock_timestamp() + make_interval(secs => $2), failures = failures + 1, trouble = $3
where notice_id = $1;

-- name: end_errand
-- A notice waits no longer; nothing comes back where somebody else had ended it.
delete from errand where notice_id = $1 returning notice_id;

-- name: append_outcome
-- How a notice ended.
insert into notice_outcome (notice_id, outcome, subject, accepted, reason)
values ($1, $2, $3, $4, $5);

-- name: forget_notices
-- Forget at most $2 of the notices that ended more than $1 days ago.
select forget_notices($1, $2);

-- name: show_notices
-- An account's notices with how they ended, newest first, for people.
select n.notice_id, n.asked_at, n.template, coalesce(o.outcome, 'waiting') as outcome, o.subject,
       o.accepted, coalesce(o.reason, e.trouble) as reason
from notice n
left join notice_outcome o using (notice_id)
left join errand e using (notice_id)
where n.account_id = $1
order by n.asked_at desc, n.notice_id desc
limit $2;
