-- name: open_months
-- Make the partitions of these months, where they are missing.
select open_event_months($1::date[]);

-- name: append_events
-- Events of accounts, each once.
insert into event (account_id, time, event_id, source, type, correlation_id, causation_id, payload)
select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::jsonb[])
on conflict do nothing;

-- name: save_accounts
-- Who accounts are, their user types and standing, each as told last.
insert into account as a (account_id, email, name, currency, time_zone, registered_at, user_type,
                          switched_at, overdue_since, standing_at)
select account_id, email, name, currency, time_zone, registered_at, coalesce(user_type, 'prepaid'),
       switched_at, nullif(overdue_since, '')::timestamptz, standing_at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, email text, name text, currency text, time_zone text,
    registered_at timestamptz, user_type text, switched_at timestamptz, overdue_since text,
    standing_at timestamptz)
on conflict (account_id) do update set
    email = coalesce(a.email, excluded.email),
    name = coalesce(a.name, excluded.name),
    currency = coalesce(a.currency, excluded.currency),
    time_zone = coalesce(a.time_zone, excluded.time_zone),
    registered_at = coalesce(a.registered_at, excluded.registered_at),
    user_type = case when excluded.switched_at > coalesce(a.switched_at, '-infinity')
                     then excluded.user_type else a.user_type end,
    switched_at = greatest(a.switched_at, excluded.switched_at),
    overdue_since = case when excluded.standing_at > coalesce(a.standing_at, '-infinity')
                         then excluded.overdue_since else a.overdue_since end,
    standing_at = greatest(a.standing_at, excluded.standing_at);

-- name: save_billing_details
-- Whom documents are made out to from a time on.
insert into billing_details (account_id, at, event_id, legal_name, address, country, tax_code)
select account_id, at, event_id, legal_name, array(select jsonb_array_elements_text(address)),
       country, tax_code
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, at timestamptz, event_id text, legal_name text, address jsonb, country text,
    tax_code text)
on conflict do nothing;

-- name: save_pocs
-- Proofs of concept that were granted.
insert into poc (account_id, grant_id, amount, ends_at, granted_by, at)
select account_id, grant_id, amount, ends_at, granted_by, at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, grant_id text, amount bigint, ends_at timestamptz, granted_by text,
    at timestamptz)
on conflict do nothing;

-- name: save_products
-- Products' policies, each from a date on; the latest publication for a date counts.
insert into product as p (product, effective_from, published_at, name, refundable, expiry_policy,
                          trash_days, actions, meters, use_priced)
select product, effective_from, published_at, name, refundable, expiry_policy, trash_days,
       array(select jsonb_array_elements_text(actions)), meters, use_priced
from jsonb_to_recordset($1::jsonb) as t (
    product text, effective_from timestamptz, published_at timestamptz, name text,
    refundable boolean, expiry_policy text, trash_days integer, actions jsonb, meters jsonb,
    use_priced boolean)
on conflict (product, effective_from) do update set
    published_at = excluded.published_at, name = excluded.name, refundable = excluded.refundable,
    expiry_policy = excluded.expiry_policy, trash_days = excluded.trash_days,
    actions = excluded.actions, meters = excluded.meters, use_priced = excluded.use_priced
where excluded.published_at > p.published_at;

-- name: save_prices
-- Prices, each from a date on; the latest publication for a date counts.
insert into price as p (product, sku, currency, effective_from, published_at, unit_price, per)
select product, sku, currency, effective_from, published_at, unit_price, per
from jsonb_to_recordset($1::jsonb) as t (
    product text, sku text, currency text, effective_from timestamptz, published_at timestamptz,
    unit_price numeric, per text)
on conflict (product, sku, currency, effective_from) do update set
    published_at = excluded.published_at, unit_price = excluded.unit_price, per = excluded.per
where excluded.published_at > p.published_at;

-- name: save_orders
-- How far orders are.
insert into placed_order as o (account_id, order_id, action, payment_method, coupon, placed_at,
                               rejected_at, reason, message, payment_asked_at, paid_at,
                               confirmed_at, cancelled_at, amount, currency)
select account_id, order_id, action, payment_method, coupon, placed_at, rejected_at, reason, message,
       payment_asked_at, paid_at, confirmed_at, cancelled_at, amount, currency
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, order_id text, action text, payment_method text, coupon text,
    placed_at timestamptz, rejected_at timestamptz, reason text, message text,
    payment_asked_at timestamptz, paid_at timestamptz, confirmed_at timestamptz,
    cancelled_at timestamptz, amount bigint, currency text)
on conflict (account_id, order_id) do update set
    action = coalesce(excluded.action, o.action),
    payment_method = coalesce(excluded.payment_method, o.payment_method),
    coupon = coalesce(excluded.coupon, o.coupon),
    placed_at = coalesce(excluded.placed_at, o.placed_at),
    rejected_at = coalesce(excluded.rejected_at, o.rejected_at),
    reason = coalesce(excluded.reason, o.reason),
    message = coalesce(excluded.message, o.message),
    payment_asked_at = coalesce(excluded.payment_asked_at, o.payment_asked_at),
    paid_at = coalesce(excluded.paid_at, o.paid_at),
    confirmed_at = coalesce(excluded.confirmed_at, o.confirmed_at),
    cancelled_at = coalesce(excluded.cancelled_at, o.cancelled_at),
    amount = coalesce(excluded.amount, o.amount),
    currency = coalesce(excluded.currency, o.currency);

-- name: save_items
-- What became of orders' items.
insert into order_item as i (account_id, order_id, item_id, resource_id, product, name, priced,
                             done_at, failed_at, reason, given_back)
select account_id, order_id, item_id, resource_id, product, name, priced, done_at, failed_at, reason,
       given_back
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, order_id text, item_id text, resource_id text, product text, name text,
    priced jsonb, done_at timestamptz, failed_at timestamptz, reason text, given_back bigint)
on conflict (account_id, order_id, item_id) do update set
    resource_id = coalesce(excluded.resource_id, i.resource_id),
    product = coalesce(excluded.product, i.product),
    name = coalesce(excluded.name, i.name),
    priced = coalesce(excluded.priced, i.priced),
    done_at = coalesce(excluded.done_at, i.done_at),
    failed_at = coalesce(excluded.failed_at, i.failed_at),
    reason = coalesce(excluded.reason, i.reason),
    given_back = coalesce(excluded.given_back, i.given_back);

-- name: save_payments
-- How far payments are.
insert into payment as p (account_id, payment_id, order_id, invoice_id, method, amount, currency,
                          requested_at, pay_until, gateway, url, confirmed_at, failed_at, reason,
                          top_up)
select account_id, payment_id, order_id, invoice_id, method, amount, currency, requested_at, pay_until,
       gateway, url, confirmed_at, failed_at, reason, coalesce(top_up, false)
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, payment_id text, order_id text, invoice_id text, method text, amount bigint,
    currency text, requested_at timestamptz, pay_until timestamptz, gateway text, url text,
    confirmed_at timestamptz, failed_at timestamptz, reason text, top_up boolean)
on conflict (account_id, payment_id) do update set
    order_id = coalesce(excluded.order_id, p.order_id),
    invoice_id = coalesce(excluded.invoice_id, p.invoice_id),
    method = coalesce(excluded.method, p.method),
    amount = case when excluded.confirmed_at is not null or p.amount is null
                  then coalesce(excluded.amount, p.amount) else p.amount end,
    currency = coalesce(excluded.currency, p.currency),
    requested_at = coalesce(excluded.requested_at, p.requested_at),
    pay_until = coalesce(excluded.pay_until, p.pay_until),
    gateway = coalesce(excluded.gateway, p.gateway),
    url = coalesce(excluded.url, p.url),
    confirmed_at = coalesce(excluded.confirmed_at, p.confirmed_at),
    failed_at = coalesce(excluded.failed_at, p.failed_at),
    reason = coalesce(excluded.reason, p.reason),
    top_up = p.top_up or excluded.top_up;

-- name: save_resources
-- Resources as of their newest event.
insert into resource as r (account_id, resource_id, version, product, name, user_type, state,
                           because_of, components, at, starts_at, ends_at, poc)
select account_id, resource_id, version, product, name, user_type, state, because_of, components, at,
       starts_at, ends_at, poc
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, resource_id text, version bigint, product text, name text, user_type text,
    state text, because_of text, components jsonb, at timestamptz, starts_at timestamptz,
    ends_at timestamptz, poc text)
on conflict (account_id, resource_id) do update set
    version = excluded.version, product = excluded.product, name = excluded.name,
    user_type = excluded.user_type, state = excluded.state, because_of = excluded.because_of,
    components = excluded.components, at = excluded.at, starts_at = excluded.starts_at,
    ends_at = excluded.ends_at, poc = excluded.poc
where excluded.version > r.version;

-- name: save_auto_renewals
-- Whether resources are renewed by themselves, as it was set last; what was refused is off.
insert into auto_renewal as r (account_id, resource_id, months, set_at)
select account_id, resource_id, months, set_at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, resource_id text, months integer, set_at timestamptz)
on conflict (account_id, resource_id) do update set
    months = excluded.months, set_at = excluded.set_at
where (excluded.set_at, excluded.months is null) >= (r.set_at, r.months is null);

-- name: save_wallets
-- Wallets after what moved them last.
insert into wallet as w (account_id, wallet, position, at, balance, held, available)
select account_id, wallet, position, at, balance, held, available
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, wallet text, position bigint, at timestamptz, balance bigint, held bigint,
    available bigint)
on conflict (account_id, wallet) do update set
    position = excluded.position, at = excluded.at, balance = excluded.balance,
    held = excluded.held, available = excluded.available
where (excluded.position, excluded.at) >= (w.position, w.at);

-- name: save_entries
-- Lines of credit histories.
insert into wallet_entry (account_id, event_id, wallet, kind, amount, balance, held, available,
                          reason, reference, position, at)
select account_id, event_id, wallet, kind, amount, balance, held, available, reason, reference,
       position, at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, event_id text, wallet text, kind text, amount bigint, balance bigint,
    held bigint, available bigint, reason text, reference text, position bigint, at timestamptz)
on conflict do nothing;

-- name: save_invoices
-- Invoices as they were issued, made out to whom was told by now.
insert into invoice (account_id, invoice_id, number, resource_id, order_id, kind, period,
                     period_from, period_to, lines, discount, net, vat, gross, currency,
                     paid_at_once, issued_at, due_at, made_out_to)
select account_id, invoice_id, number, resource_id, order_id, kind, period, period_from, period_to,
       lines, discount, net, vat, gross, currency, paid_at_once, issued_at, due_at,
       coalesce((
           select to_jsonb(d) from (
               select legal_name, address, country, tax_code from billing_details b
               where b.account_id = t.account_id and b.at <= t.issued_at
               order by b.at desc, b.event_id desc limit 1
           ) d
       ), '{}')
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, invoice_id text, number text, resource_id text, order_id text, kind text,
    period text, period_from timestamptz, period_to timestamptz, lines jsonb, discount bigint,
    net bigint, vat bigint, gross bigint, currency text, paid_at_once boolean,
    issued_at timestamptz, due_at timestamptz)
on conflict do nothing;

-- name: save_invoice_payments
-- What was paid of invoices.
insert into invoice_payment (account_id, invoice_id, payment_id, amount, outstanding, at)
select account_id, invoice_id, payment_id, amount, outstanding, at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, invoice_id text, payment_id text, amount bigint, outstanding bigint,
    at timestamptz)
on conflict do nothing;

-- name: save_credit_notes
-- What corrects invoices.
insert into credit_note (account_id, credit_note_id, number, invoice_id, amount, net, vat, given_back,
                         outstanding, currency, reason, at)
select account_id, credit_note_id, number, invoice_id, amount, net, vat, given_back, outstanding,
       currency, reason, at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, credit_note_id text, number text, invoice_id text, amount bigint, net bigint,
    vat bigint, given_back bigint, outstanding bigint, currency text, reason text, at timestamptz)
on conflict do nothing;

-- name: save_notices
-- What users were told.
insert into notice (account_id, event_id, template, facts, at)
select account_id, event_id, template, facts, at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, event_id text, template text, facts jsonb, at timestamptz)
on conflict do nothing;

-- name: save_notice_preferences
-- What accounts want to be told, and their language: of each the latest wish.
insert into notice_preferences as p (account_id, muted, recipients, set_at, language, language_at)
select account_id, coalesce(muted, '{}'), coalesce(recipients, '{}'), set_at, language, language_at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, muted text[], recipients text[], set_at timestamptz, language text,
    language_at timestamptz)
on conflict (account_id) do update set
    muted = case when excluded.set_at > coalesce(p.set_at, '-infinity')
                 then excluded.muted else p.muted end,
    recipients = case when excluded.set_at > coalesce(p.set_at, '-infinity')
                      then excluded.recipients else p.recipients end,
    set_at = greatest(excluded.set_at, p.set_at),
    language = case when excluded.language_at > coalesce(p.language_at, '-infinity')
                    then excluded.language else p.language end,
    language_at = greatest(excluded.language_at, p.language_at);

-- name: save_notice_recipients
-- Who was asked to agree to copies, and who has.
insert into notice_recipient as r (account_id, email, asked_at, valid_until, agreed_at)
select account_id, email, asked_at, valid_until, agreed_at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, email text, asked_at timestamptz, valid_until timestamptz,
    agreed_at timestamptz)
on conflict (account_id, email, asked_at) do update set
    valid_until = coalesce(r.valid_until, excluded.valid_until),
    agreed_at = coalesce(r.agreed_at, excluded.agreed_at);

-- name: save_notice_ends
-- How notices ended.
insert into notice_end (account_id, notice_id, event_id, outcome, at)
select account_id, notice_id, event_id, outcome, at
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, notice_id text, event_id text, outcome text, at timestamptz)
on conflict do nothing;

-- name: save_quotes
-- What orders would cost, for pages that wait for it.
insert into quote (account_id, quote_id, at, given)
select account_id, quote_id, at, given
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, quote_id text, at timestamptz, given jsonb)
on conflict do nothing;

-- name: save_usage_reports
-- What accounts used in a month, by the latest answer.
insert into usage_report as u (account_id, period, until, request_id, given)
select account_id, period, until, request_id, given
from jsonb_to_recordset($1::jsonb) as t (
    account_id text, period text, until timestamptz, request_id text, given jsonb)
on conflict (account_id, period) do update set
    until = excluded.until, request_id = excluded.request_id, given = excluded.given
where excluded.until >= u.until;

-- name: forget_quotes
-- Quotes that nobody waits for any more.
delete from quote where heard_at < now() - interval '1 hour';

-- name: save_letters
-- What is known of dead letters.
insert into reported_letter as l (service, number, died_at, reason, detail, letter_type, letter_source,
                                  letter_id, account_id, correlation_id, body, cut, conclusion,
                                  concluded_at, concluded_by, concluded_because)
select service, number, died_at, reason, detail, letter_type, letter_source, letter_id, account_id,
       correlation_id, body, cut, conclusion, concluded_at, concluded_by, concluded_because
from jsonb_to_recordset($1::jsonb) as t (
    service text, number bigint, died_at timestamptz, reason text, detail text, letter_type text,
    letter_source text, letter_id text, account_id text, correlation_id text, body text, cut boolean,
    conclusion text, concluded_at timestamptz, concluded_by text, concluded_because text)
on conflict (service, number) do update set
    died_at = coalesce(excluded.died_at, l.died_at),
    reason = coalesce(excluded.reason, l.reason),
    detail = coalesce(excluded.detail, l.detail),
    letter_type = coalesce(excluded.letter_type, l.letter_type),
    letter_source = coalesce(excluded.letter_source, l.letter_source),
    letter_id = coalesce(excluded.letter_id, l.letter_id),
    account_id = coalesce(excluded.account_id, l.account_id),
    correlation_id = coalesce(excluded.correlation_id, l.correlation_id),
    body = coalesce(excluded.body, l.body),
    cut = coalesce(excluded.cut, l.cut),
    conclusion = coalesce(l.conclusion, excluded.conclusion),
    concluded_at = coalesce(l.concluded_at, excluded.concluded_at),
    concluded_by = coalesce(l.concluded_by, excluded.concluded_by),
    concluded_because = coalesce(l.concluded_because, excluded.concluded_because);

-- name: save_runs
-- How far the month's runs are.
insert into month_run as r (period, ranges, began_at, completed_at, invoices, quarantined, amounts)
select period, ranges, began_at, completed_at, invoices, quarantined, amounts
from jsonb_to_recordset($1::jsonb) as t (
    period text, ranges integer, began_at timestamptz, completed_at timestamptz, invoices bigint,
    quarantined bigint, amounts jsonb)
on conflict (period) do update set
    ranges = coalesce(excluded.ranges, r.ranges),
    began_at = coalesce(excluded.began_at, r.began_at),
    completed_at = coalesce(excluded.completed_at, r.completed_at),
    invoices = coalesce(excluded.invoices, r.invoices),
    quarantined = coalesce(excluded.quarantined, r.quarantined),
    amounts = coalesce(excluded.amounts, r.amounts);

-- name: save_ranges
-- Ranges of runs that are done.
insert into month_range (period, range_number, account_id, invoices, quarantined, at)
select period, range_number, account_id, invoices, quarantined, at
from jsonb_to_recordset($1::jsonb) as t (
    period text, range_number integer, account_id text, invoices bigint, quarantined bigint,
    at timestamptz)
on conflict do nothing;

-- name: save_quarantines
-- Whom runs left out, as it was told last.
insert into month_quarantine as q (period, account_id, reason, detail, at, resolved)
select period, account_id, reason, detail, at, resolved
from jsonb_to_recordset($1::jsonb) as t (
    period text, account_id text, reason text, detail text, at timestamptz, resolved boolean)
on conflict (period, account_id) do update set
    reason = coalesce(excluded.reason, q.reason), detail = coalesce(excluded.detail, q.detail),
    at = excluded.at, resolved = excluded.resolved
where (excluded.at, excluded.resolved) > (q.at, q.resolved);
