-- name: save_accounts
-- New customers; those that exist stay as they are.
insert into account (account_id, email, name, currency, time_zone, registered_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
on conflict (account_id) do nothing;

-- name: find_accounts
-- The accounts that questions are about, each with its user type at the question's time, the end of
-- its POC wallet as granted by then, and since when an invoice of it is overdue.
select q.question, a.account_id, a.currency, t.overdue_since,
       (select max(g.ends_at) from poc_grant g
        where g.account_id = a.account_id and g.granted_at <= q.at) as poc_ends_at,
       coalesce(
           (select s.user_type from user_type_switch s
            where s.account_id = a.account_id and s.at <= q.at
            order by s.at desc limit 1),
           'prepaid'
       ) as user_type
from unnest($1::text[], $2::text[], $3::timestamptz[]) as q (question, account_id, at)
join account a using (account_id)
left join account_standing t using (account_id);

-- name: lock_accounts
-- Hold accounts while their user type is switched.
select account_id from account where account_id = any($1::text[])
order by account_id
for no key update;

-- name: find_switches
-- What was asked of accounts, oldest first.
select account_id, at, user_type, requested_by, reason from user_type_switch
where account_id = any($1::text[])
order by account_id, at;

-- name: find_overdue
-- Since when invoices of accounts are overdue.
select account_id, overdue_since from account_standing
where account_id = any($1::text[]) and overdue_since is not null;

-- name: save_standings
-- Since when accounts are overdue, as told last. A debt that is told of and settled at the same
-- moment is settled.
insert into account_standing (account_id, overdue_since, told_at)
select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
on conflict (account_id) do update
set overdue_since = excluded.overdue_since, told_at = excluded.told_at
where excluded.told_at > account_standing.told_at
   or (excluded.told_at = account_standing.told_at and excluded.overdue_since is null);

-- name: append_switches
-- The user types that accounts were to have: who, why and when.
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
select at, user_type, requested_by, reason
from (
    select at, user_type, requested_by, reason,
           lag(user_type, 1, 'prepaid') over (order by at) as type_before
    from user_type_switch where account_id = $1
) s
where user_type <> type_before
order by at;
