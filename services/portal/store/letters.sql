-- name: find_letters
-- Dead letters, newest first, from a place on: those that wait, or also those that were concluded.
select service || ':' || number as name, service, number, died_at, reason, detail, letter_type,
       letter_id, account_id, conclusion, concluded_at, concluded_by
from reported_letter
where died_at is not null
  and ($1 or conclusion is null)
  and ($2::text is null or service = $2)
  and ($3::text is null or reason = $3)
  and ($4::timestamptz is null or (died_at, service, number) < ($4, $5::text, $6::bigint))
order by died_at desc, service desc, number desc
limit $7;

-- name: count_letters
-- What waits, by service and reason.
select service, reason, count(*) from reported_letter
where conclusion is null and died_at is not null
group by service, reason
order by service, reason;

-- name: find_letter
-- A dead letter.
select * from reported_letter where service = $1 and number = $2 and died_at is not null;

-- name: find_letters_of_account
-- What waits that is about an account.
select service, number, died_at, reason, letter_type from reported_letter
where account_id = $1 and conclusion is null and died_at is not null
order by died_at desc
limit 50;

-- name: find_letters_of_act
-- What became of an act's message that could not be handled, and what waits of all that it led to.
select service, number, died_at, reason, detail, letter_id, conclusion from reported_letter
where (letter_id = $1 or account_id = $2 and correlation_id = $3 and conclusion is null)
  and died_at is not null
order by died_at;
