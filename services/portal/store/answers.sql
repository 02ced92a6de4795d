-- name: find_quote
-- What an order would cost.
select given from quote where account_id = $1 and quote_id = $2;

-- name: find_usage_report
-- What was used in a month, by an answer that is new enough.
select given from usage_report
where account_id = $1 and period = $2 and ($3::timestamptz is null or until >= $3);

-- name: find_notices
-- What a user was told, newest first, and how it ended where that is known.
select n.template, n.facts, n.at, e.outcome
from notice n
left join notice_end e on e.account_id = n.account_id and e.event_id = n.event_id
where n.account_id = $1
order by n.at desc, n.event_id
limit $2;
