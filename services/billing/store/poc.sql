-- name: append_grants
-- What Sales granted; those that come back are new.
insert into poc_grant (grant_id, account_id, amount, ends_at, granted_by, granted_at)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[],
                     $6::timestamptz[])
on conflict do nothing
returning grant_id;

-- name: take_reminders
-- POC wallets that end within a week, each once an end.
insert into poc_reminder (account_id, ends_at, reminded_at)
select g.account_id, g.ends_at, $1
from (select account_id, max(ends_at) as ends_at from poc_grant group by account_id) g
where g.ends_at > $1 and g.ends_at <= $1::timestamptz + interval '7 days'
  and not exists (
      select from poc_reminder r where r.account_id = g.account_id and r.ends_at = g.ends_at
  )
order by g.account_id
limit $2
on conflict do nothing
returning account_id, ends_at;
