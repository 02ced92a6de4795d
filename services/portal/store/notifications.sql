-- name: find_preferences
-- What an account wants to be told, and in which language.
select muted, language from notice_preferences where account_id = $1;

-- name: find_recipients
-- Who gets copies of an account's notices, and whether they agreed when they were asked last.
select wanted.email, r.valid_until,
       case when r.agreed_at is not null then 'agreed'
            when r.valid_until <= $2 then 'late'
            else 'waiting' end as state
from notice_preferences p
cross join unnest(p.recipients) as wanted (email)
left join lateral (
    select valid_until, agreed_at from notice_recipient r
    where r.account_id = p.account_id and r.email = wanted.email
    order by asked_at desc limit 1
) r on true
where p.account_id = $1
order by wanted.email;
