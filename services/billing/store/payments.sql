-- name: append_payments
-- Money asked for; where no gateway is asked, the wallet is told to take it.
with asked as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
                         $7::text[], $8::boolean[], $9::text[], $10::timestamptz[], $11::boolean[])
        as t (payment_id, account_id, order_id, invoice_id, method, amount, currency,
              as_far_as_possible, correlation_id, requested_at, is_charged)
), noted as (
    insert into payment (payment_id, account_id, order_id, invoice_id, method, amount, currency,
                         as_far_as_possible, correlation_id, requested_at)
    select payment_id, account_id, order_id, invoice_id, method, amount, currency,
           as_far_as_possible, correlation_id, requested_at
    from asked
)
insert into charge (account_id, charge_id, payment_id, amount)
select account_id, payment_id, payment_id, amount from asked where is_charged;

-- name: find_payments
-- Those of these payments that exist.
select payment_id from payment where payment_id = any($1::text[]);

-- name: append_charges
-- What the wallet is told to take for payments that were noted before.
insert into charge (account_id, charge_id, payment_id, amount)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
on conflict do nothing;

-- name: append_gateway_requests
-- What somebody has to pay through a gateway.
insert into gateway_request (account_id, payment_id, amount, pay_until)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]);

-- name: lock_payments
-- Hold payments while they are concluded. How they ended must be read after that: whoever held
-- them before may have ended them.
select payment_id from payment where payment_id = any($1::text[])
order by payment_id
for no key update;

-- name: lock_charged_payments
-- Hold the payments that these charges are for; others' charges have none.
select c.charge_id, p.payment_id
from charge c join payment p using (account_id, payment_id)
where c.charge_id = any($1::text[])
order by p.payment_id
for no key update of p;

-- name: get_payments
-- Payments, each with its outcome and its request to a gateway.
select p.payment_id, p.account_id, p.order_id, p.invoice_id, p.method, p.amount, p.currency,
       p.as_far_as_possible, o.outcome, g.amount as gateway_amount, g.pay_until, g.open
from payment p
left join payment_outcome o using (account_id, payment_id)
left join gateway_request g using (account_id, payment_id)
where p.payment_id = any($1::text[]);

-- name: append_payment_outcomes
-- How payments ended.
insert into payment_outcome (account_id, payment_id, asked, outcome, amount, reason, at)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[],
                     $7::timestamptz[]);

-- name: close_gateway_requests
-- Nothing more is expected of a gateway for these payments.
update gateway_request g set open = false
from unnest($1::text[], $2::text[]) as t (account_id, payment_id)
where g.account_id = t.account_id and g.payment_id = t.payment_id and g.open;

-- name: find_receipts
-- The money that came under these references.
select gateway, gateway_reference, payment_id, amount
from gateway_receipt
join unnest($1::text[], $2::text[]) as t (gateway, gateway_reference)
    using (gateway, gateway_reference);

-- name: append_receipts
-- Money that came through a gateway.
insert into gateway_receipt (account_id, gateway, gateway_reference, payment_id, amount, became,
                             top_up_id, at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                     $7::text[], $8::timestamptz[]);

-- name: find_topped_up
-- The payments for which these top-ups were made.
select top_up_id, payment_id from gateway_receipt
where became = 'payment' and top_up_id = any($1::text[]);

-- name: find_overdue_requests
-- Payments whose time at the gateway is over.
select payment_id from gateway_request
where open and pay_until <= $1
order by pay_until
limit $2;

-- name: find_credit_notes
-- The credit notes of these ids, and those of these items.
select account_id, credit_note_id, order_id, item_id, given_back, correlation_id, at
from credit_note where credit_note_id = any($1::text[])
union
select account_id, credit_note_id, order_id, item_id, given_back, correlation_id, at
from unnest($2::text[], $3::text[], $4::text[]) as t (account_id, order_id, item_id)
join credit_note using (account_id, order_id, item_id);

-- name: append_credit_notes
-- What credit notes give back of what was paid for items.
insert into credit_note (account_id, credit_note_id, order_id, item_id, given_back, correlation_id,
                         at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                     $7::timestamptz[]);

-- name: find_money_left
-- What is left of the money that went in for resources, from credit and from the POC wallet: what was
-- paid for their items, less what refunds and credit notes gave back, and what open orders will. What
-- was paid for an item that may still fail is not left: it goes back where that fails.
select resource_id,
       (coalesce(sum(paid) filter (where method <> 'poc'), 0)
        - coalesce(sum(refunded) filter (where wallet = 'credit'), 0)
        - coalesce(sum(credited), 0)
        - coalesce(sum(promised), 0))::bigint as credit,
       (coalesce(sum(paid) filter (where method = 'poc'), 0)
        - coalesce(sum(refunded) filter (where wallet = 'poc'), 0))::bigint as poc
from (
    select i.resource_id, p.method, r.wallet, r.amount as refunded,
           case when o.outcome = 'confirmed' and e.outcome is not null
                then greatest(i.amount, 0) end as paid,
           case when e.outcome is null and w.state in ('awaiting_payment', 'provisioning')
                then greatest(-i.amount, 0) end as promised,
           (select sum(c.given_back) from credit_note c
            where c.account_id = i.account_id and c.order_id = i.order_id
              and c.item_id = i.item_id) as credited
    from unnest($1::text[], $2::text[]) as t (account_id, resource_id)
    join order_item i using (account_id, resource_id)
    join purchase_order w on w.account_id = i.account_id and w.order_id = i.order_id
    left join item_outcome e
        on e.account_id = i.account_id and e.order_id = i.order_id and e.item_id = i.item_id
    left join payment p on p.account_id = i.account_id and p.order_id = i.order_id
    left join payment_outcome o on o.account_id = p.account_id and o.payment_id = p.payment_id
    left join refund r
        on r.account_id = i.account_id and r.order_id = i.order_id and r.item_id = i.item_id
) item
group by resource_id;

-- name: show_payment
-- A payment, for people.
select p.payment_id, p.account_id, p.order_id, p.invoice_id, p.method, p.amount, p.currency,
       coalesce(o.outcome, 'requested') as state, o.amount as paid, o.reason, p.requested_at,
       o.at as concluded_at
from payment p left join payment_outcome o using (account_id, payment_id)
where p.payment_id = $1;

-- name: append_recorded_payments
-- Payments of invoices that are not billing's own: Sales recorded them.
insert into recorded_payment (payment_id, account_id, invoice_id, amount, at)
select t.payment_id, t.account_id, t.invoice_id, t.amount, t.at
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[])
    as t (payment_id, account_id, invoice_id, amount, at)
where not exists (
    select from payment p where p.account_id = t.account_id and p.payment_id = t.payment_id
)
order by t.payment_id
on conflict do nothing;

-- name: show_payments
-- An account's payment history, newest first, a page at a time.
select payment_id, order_id, invoice_id, method, amount, currency, paid_at
from (
    select p.payment_id, p.order_id, p.invoice_id, p.method, o.amount, p.currency, o.at as paid_at
    from payment p join payment_outcome o using (account_id, payment_id)
    where p.account_id = $1 and o.outcome = 'confirmed'
    union all
    select r.payment_id, null, r.invoice_id, 'recorded', r.amount, a.currency, r.at
    from recorded_payment r join account a using (account_id)
    where r.account_id = $1
) history
where $2::timestamptz is null or (paid_at, payment_id) < ($2, $3::text)
order by paid_at desc, payment_id desc
limit $4;

-- name: show_refunds
-- What was given back of an order, for people.
select refund_id, item_id, amount, wallet, reason, at from refund where order_id = $1 order by item_id;
