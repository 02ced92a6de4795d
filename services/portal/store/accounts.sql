-- name: find_accounts
-- Accounts with these ids.
select account_id, email, name, currency, time_zone, registered_at, user_type, overdue_since
from account where account_id = any($1::text[])
order by lower(name), account_id;

-- name: search_accounts
-- Accounts of which the id, the e-mail address or the name begins so.
select account_id, email, name, currency, time_zone, registered_at, user_type, overdue_since
from account
where account_id like replace(replace($1, '%', '\%'), '_', '\_') || '%'
   or lower(email) like replace(replace(lower($1), '%', '\%'), '_', '\_') || '%'
   or lower(name) like replace(replace(lower($1), '%', '\%'), '_', '\_') || '%'
order by lower(name), account_id
limit $2;

-- name: find_billing_details
-- Whom documents of a time are made out to.
select legal_name, address, country, tax_code from billing_details
where account_id = $1 and at <= $2
order by at desc, event_id desc
limit 1;
