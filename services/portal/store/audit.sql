-- name: find_audit
-- People's acts, newest first, from a place on, with what was heard since that belongs to each.
select a.act_id, a.actor, a.role, a.account_id, a.kind, a.reason, a.at, heard.types,
       exists (select from reported_letter l
               where l.letter_id = a.message_id and l.conclusion is null and l.died_at is not null)
           as is_dead,
       exists (select from reported_letter l
               where l.account_id = a.account_id and l.correlation_id = a.correlation_id
                 and l.conclusion is null and l.died_at is not null)
           as is_stuck
from act a
cross join lateral (
    select coalesce(array_agg(distinct e.type), '{}') as types from event e
    where e.account_id in (coalesce(a.account_id, ''), '') and e.correlation_id = a.correlation_id
) heard
where ($1::text is null or a.actor = $1)
  and ($2::text is null or a.account_id = $2)
  and ($3::text[] is null or a.role = any($3))
  and ($4::timestamptz is null or (a.at, a.act_id) < ($4, $5::text))
order by a.at desc, a.act_id desc
limit $6;

-- name: find_act_of_key
-- The act that somebody did with a form before.
select act_id from act where actor = $1 and idempotency = $2;
