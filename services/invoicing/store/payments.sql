-- name: lock_dues
-- Hold what accounts owe, in a fixed order, though nothing was to pay before; which of them were told to
-- be overdue.
insert into account_dues (account_id, day)
select account_id, '-infinity'::date from account where account_id = any ($1::text[])
order by account_id
on conflict (account_id) do update set overdue_told_at = account_dues.overdue_told_at
    where account_dues.overdue_told_at is not null
returning account_id, overdue_told_at is not null as overdue;

-- name: lock_balances
-- What is paid, credited and being collected of these invoices, held in a fixed order.
select s.invoice_id, s.account_id, i.currency, s.gross, i.vat, s.paid, s.reserved, s.credited,
       (select count(*) from credit_note c
        where c.account_id = s.account_id and c.invoice_id = s.invoice_id)::integer as credit_notes,
       i.series, i.number, coalesce(r.order_id, r.resource_id) as order_id,
       coalesce(r.item_id, r.resource_id) as item_id, i.order_id as paid_order_id,
       i.item_id as paid_item_id, i.resource_id
from invoice i
join invoice_state s using (account_id, invoice_id)
join resource r using (account_id, resource_id)
where i.invoice_id = any ($1::text[])
order by s.invoice_id
for no key update of s;

-- name: save_balances
-- What is paid, credited and being collected of invoices that are held.
update invoice_state s set paid = t.paid, reserved = t.reserved, credited = t.credited
from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
    as t (account_id, invoice_id, paid, reserved, credited)
where s.account_id = t.account_id and s.invoice_id = t.invoice_id;

-- name: find_collections
-- Those of these payments that we asked for, and whether they are decided.
select payment_id, invoice_id, account_id, amount, method, automatic, asked_at, outcome
from invoice_collection where payment_id = any ($1::text[]);

-- name: append_collections
-- Money that is to be collected; an account that has an automatic collection gets no second one.
insert into invoice_collection (payment_id, invoice_id, account_id, amount, method, automatic,
                                asked_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[],
                     $7::timestamptz[])
on conflict (account_id) where automatic and outcome is null do nothing
returning payment_id;

-- name: conclude_collections
-- What became of collections.
update invoice_collection c set outcome = t.outcome
from unnest($1::text[], $2::text[]) as t (payment_id, outcome)
where c.payment_id = t.payment_id;

-- name: find_payments
-- Those of these payments that are counted already.
select payment_id from invoice_payment where payment_id = any ($1::text[]);

-- name: append_payments
-- Payments of invoices.
insert into invoice_payment (payment_id, invoice_id, account_id, method, amount, overpaid,
                             paid_before, paid_after, at, recorded_by, note)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::bigint[], $9::timestamptz[], $10::text[], $11::text[]);

-- name: cut_open_accounts
-- Cut the accounts with something to pay into ranges of $1 at most; the last one has no end.
select first_account, lead(first_account) over (order by first_account) as next_account
from (
    select account_id as first_account, row_number() over (order by account_id) - 1 as place
    from (select distinct account_id from invoice_state where paid + credited < gross) open
) counted
where place % $1::integer = 0
order by first_account;

-- name: begin_day
-- The accounts of a range with something to pay that were not seen to on this day; what each of the range
-- owes is held, in a fixed order.
insert into account_dues (account_id, day)
select distinct account_id, $4::date from invoice_state
where account_id >= $1 and ($2::text is null or account_id < $2)
  and paid + credited < gross and issued_at <= $3
order by account_id
on conflict (account_id) do update set day = excluded.day where account_dues.day < excluded.day
returning account_id;

-- name: find_next_to_pay
-- For each of these accounts the invoice that automatic payment comes to next: the oldest, and of
-- equally old ones the smallest. None while one is being collected automatically.
select distinct on (account_id) account_id, invoice_id
from invoice_state s
where account_id = any ($1::text[]) and paid + credited < gross and paid + credited + reserved < gross
  and issued_at <= $2
  and not exists (select from invoice_collection c
                  where c.account_id = s.account_id and c.automatic and c.outcome is null)
order by account_id, issued_at, gross - paid - credited, invoice_id;

-- name: find_overdue
-- What these accounts have not paid by its due date: how much, since when, and which are oldest.
select account_id, currency, count(*)::integer as invoices, sum(gross - paid - credited)::bigint as outstanding,
       min(due_at) as due_since, (array_agg(number order by due_at, number))[1:20] as numbers
from (
    select s.account_id, i.currency, s.gross, s.paid, s.credited, s.due_at,
           i.series || '-' || lpad(i.number::text, greatest(7, length(i.number::text)), '0') as number
    from invoice_state s join invoice i using (account_id, invoice_id)
    where s.account_id = any ($1::text[]) and s.paid + s.credited < s.gross and s.due_at <= $2
) open
group by account_id, currency
order by account_id;

-- name: save_overdue
-- Accounts of which it is told that they are overdue.
update account_dues set overdue_told_at = $2 where account_id = any ($1::text[]);

-- name: find_settled
-- Accounts that were told to be overdue and have paid what was due: only where nobody noticed it.
select account_id from account_dues d
where overdue_told_at is not null
  and not exists (select from invoice_state s
                  where s.account_id = d.account_id and s.paid + s.credited < s.gross
                    and s.due_at <= d.overdue_told_at)
order by account_id;

-- name: settle_dues
-- Those of these accounts that have paid what was due, and when it was last told that they had not.
with due as (
    select d.account_id, d.overdue_told_at
    from account_dues d
    where d.account_id = any ($1::text[]) and d.overdue_told_at is not null
      and not exists (select from invoice_state s
                      where s.account_id = d.account_id and s.paid + s.credited < s.gross
                        and s.due_at <= d.overdue_told_at)
)
update account_dues d set overdue_told_at = null
from due
where d.account_id = due.account_id
returning d.account_id, due.overdue_told_at;

-- name: find_credit_notes
-- Those of these credit notes that are issued.
select credit_note_id, invoice_id, amount from credit_note where credit_note_id = any ($1::text[]);

-- name: append_credit_notes
-- Corrections of invoices.
insert into credit_note (credit_note_id, invoice_id, position, account_id, amount, net, vat,
                         given_back, refund_id, credited_before, credited_after, reason, requested_by, at)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::bigint[], $9::text[], $10::bigint[], $11::bigint[],
                     $12::text[], $13::text[], $14::timestamptz[]);
