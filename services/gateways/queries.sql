-- name: append_payments
-- Note payments that are asked for; those that come back are new.
insert into payment (payment_id, account_id, amount, currency, method, gateway, requested_at, pay_until,
                     cause_source, cause_id, correlation_id, traceparent)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::text[],
                     $12::text[])
on conflict (payment_id) do nothing
returning payment_id;

-- name: find_payments
-- Those of these payments that were asked for, with their content.
select payment_id, account_id, amount from payment where payment_id = any($1::text[]);

-- name: append_orders
-- Note under which ids payments are asked for, and have them asked for after a pause.
with ordered as (
    insert into gateway_order (gateway, order_id, payment_id, attempt)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[])
    returning gateway, order_id
)
insert into errand (gateway, order_id, kind, due_at)
select gateway, order_id, 'create', clock_timestamp() + make_interval(secs => $5) from ordered;

-- name: claim_errands
-- Lease errands that are due; those that another worker is just claiming are passed over.
with claimed as (
    update errand set due_at = clock_timestamp() + make_interval(secs => $1)
    where (gateway, order_id, kind) in (
        select gateway, order_id, kind from errand where due_at <= clock_timestamp()
        order by due_at limit $2 for update skip locked
    )
    returning gateway, order_id, kind, failures
)
select c.kind, c.failures, o.order_id, o.attempt, p.payment_id, p.account_id, p.amount, p.currency, p.method,
       p.gateway, p.requested_at, p.pay_until
from claimed c
join gateway_order o using (gateway, order_id)
join payment p using (payment_id);

-- name: postpone_errand
-- A gateway did not answer; it is asked again later.
update errand
set due_at = clock_timestamp() + make_interval(secs => $4), failures = failures + 1
where gateway = $1 and order_id = $2 and kind = $3;

-- name: end_errand
-- An errand is done; nothing comes back where somebody else had done it.
delete from errand where gateway = $1 and order_id = $2 and kind = $3 returning kind;

-- name: lock_order
-- An order with its payment and what asked for it, held; and the payment's latest attempt.
select o.order_id, o.attempt, p.payment_id, p.account_id, p.amount, p.currency, p.method, p.gateway,
       p.requested_at, p.pay_until, p.cause_source, p.cause_id, p.correlation_id, p.traceparent,
       (select max(attempt) from gateway_order l where l.payment_id = p.payment_id) as latest
from gateway_order o join payment p using (payment_id)
where o.gateway = $1 and o.order_id = $2
for no key update of o;

-- name: save_page
-- Keep where an order can be paid, and when to ask what became of it.
update gateway_order set url = $3, next_query_at = $4 where gateway = $1 and order_id = $2;

-- name: lock_due_orders
-- Orders of which nothing was told by their time, held; those that are being told of are passed over.
select o.order_id, o.attempt, p.payment_id, p.account_id, p.amount, p.currency, p.method, p.gateway,
       p.requested_at, p.pay_until
from gateway_order o join payment p using (payment_id)
where o.next_query_at <= $1
order by o.next_query_at
limit $2
for no key update of o skip locked;

-- name: save_queries
-- Have orders asked for now, and keep when to ask again.
with input as (
    select * from unnest($1::text[], $2::text[], $3::timestamptz[])
        as t (gateway, order_id, next_query_at)
), moved as (
    update gateway_order o set next_query_at = i.next_query_at
    from input i where o.gateway = i.gateway and o.order_id = i.order_id
    returning o.gateway, o.order_id
)
insert into errand (gateway, order_id, kind)
select gateway, order_id, 'query' from moved
on conflict do nothing;

-- name: drop_late_creations
-- Ask no more for pages of payments whose time is over; nobody has seen them.
delete from errand e
using gateway_order o, payment p
where e.kind = 'create' and o.gateway = e.gateway and o.order_id = e.order_id
  and p.payment_id = o.payment_id and p.pay_until <= $1;

-- name: append_answer
-- Note what a gateway told; nothing comes back where that reference was told before.
insert into gateway_answer (gateway, gateway_reference, outcome, order_id, amount, reason, at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
returning gateway_reference;

-- name: get_answer
-- What was told before under a reference.
select order_id, amount from gateway_answer
where gateway = $1 and gateway_reference = $2 and outcome = $3;

-- name: end_queries
-- An order was told of: nobody need ask any more.
with ended as (
    update gateway_order set next_query_at = null where gateway = $1 and order_id = $2
)
delete from errand where gateway = $1 and order_id = $2 and kind = 'query';
