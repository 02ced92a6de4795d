-- name: save_accounts
-- New customers; those that exist stay as they are.
insert into account (account_id, email, name, currency, time_zone, registered_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
on conflict (account_id) do nothing;

-- name: find_accounts
-- The accounts that questions are about, each with its user type at the question's time.
select q.question, a.account_id, a.currency,
       coalesce(
           (select s.user_type from user_type_switch s
            where s.account_id = a.account_id and s.at <= q.at
            order by s.at desc limit 1),
           'prepaid'
       ) as user_type
from unnest($1::text[], $2::text[], $3::timestamptz[]) as q (question, account_id, at)
join account a using (account_id);

-- name: lock_accounts
-- Hold accounts while their user type is switched.
select account_id from account where account_id = any($1::text[])
order by account_id
for no key update;

-- name: append_switches
-- Switches of the user type: who, why and when.
insert into user_type_switch (account_id, at, user_type, requested_by, reason)
select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[]);

-- name: show_account
-- A customer and its user type today, for people.
select a.account_id, a.name, a.email, a.currency, a.registered_at,
       coalesce(
           (select s.user_type from user_type_switch s
            where s.account_id = a.account_id order by s.at desc limit 1),
           'prepaid'
       ) as user_type
from account a where a.account_id = $1;

-- name: show_switches
-- An account's switches of the user type, for people.
select at, user_type, requested_by, reason from user_type_switch where account_id = $1 order by at;
