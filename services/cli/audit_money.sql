-- name: wallet_balances
-- 11.1 A wallet's balance is the sum of its entries.
select w.account_id || '/' || w.wallet as id,
       format('balance %s after %s entries, but there are %s with a sum of %s', w.balance,
              w.transfers, coalesce(t.entries, 0), coalesce(t.total, 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from wallet.wallet w
left join (
    select account_id, wallet, count(*) as entries,
           sum(case when credit_side = 'wallet' then amount else -amount end) as total
    from wallet.transfer group by account_id, wallet
) t using (account_id, wallet)
where (w.balance, w.transfers) <> (coalesce(t.total, 0), coalesce(t.entries, 0));

-- name: ledger_continues
-- 11.6 Each entry of a wallet begins where the one before it ended: none was changed or taken out.
select kind || '/' || transfer_id as id,
       format('%s/%s at %s begins at %s, but %s came before', account_id, wallet, position,
              balance_before, ended) as detail,
       null::timestamptz as since, null::text as correlation_id
from (
    select kind, transfer_id, account_id, wallet, position, balance_before,
           lag(balance_after, 1, 0::bigint) over history as ended,
           row_number() over history as place
    from wallet.transfer
    window history as (partition by account_id, wallet order by position)
) entry
where balance_before <> ended or position <> place;

-- name: wallet_available
-- 11.1 No balance and no available credit is below 0.
select account_id || '/' || wallet as id, format('balance %s, held %s', balance, held) as detail,
       null::timestamptz as since, null::text as correlation_id
from wallet.wallet where balance < 0 or held < 0 or balance < held;

-- name: wallet_holds
-- 11.1 What a wallet holds is the sum of its holds.
select w.account_id || '/' || w.wallet as id,
       format('holds %s, but its holds come to %s', w.held, coalesce(h.total, 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from wallet.wallet w
left join (select account_id, wallet, sum(amount) as total from wallet.hold group by 1, 2) h
    using (account_id, wallet)
where w.held <> coalesce(h.total, 0);

-- name: holds_are_asked_for
-- 11.1 What a wallet holds is what was asked for, for a resource or for the order of one, and no more.
with asked as (
    select account_id, resource_id, asked as amount, answer, changed_at as since,
           null::text as correlation_id
    from invoicing.credit_hold
    union all
    select o.account_id, o.resource_id,
           case when o.released_at is null and o.outcome is distinct from 'declined' then o.amount
                else 0 end,
           o.outcome, o.recorded_at, p.correlation_id
    from billing.order_hold o join billing.purchase_order p using (order_id)
    where o.resource_id not in (select resource_id from invoicing.credit_hold)
)
select coalesce(h.hold_id, a.resource_id) as id,
       format('asked for %s (%s), held %s', coalesce(a.amount::text, 'nothing'),
              coalesce(a.answer, 'no answer'), coalesce(h.amount, 0)) as detail,
       a.since, a.correlation_id
from asked a
full join wallet.hold h on h.hold_id = a.resource_id and h.account_id = a.account_id
where case when a.resource_id is null then h.amount > 0
           when a.answer = 'declined' then coalesce(h.amount, 0) > a.amount
           when a.answer = 'held' then coalesce(h.amount, 0) <> a.amount
           else true end;

-- name: holds_have_their_use
-- 11.1 What a prepaid user uses first is held for, and what is gone and invoiced is not.
select r.resource_id as id, 'in use without a hold' as detail, r.changed_at as since,
       null::text as correlation_id
from provisioning.resource r
where r.user_type = 'postpaid'
  and (r.state in ('active', 'stopped') or r.suspended_by is not distinct from 'hold_short')
  and r.account_id not in (select account_id from billing.user_type_switch)
  and r.resource_id not in (select resource_id from invoicing.credit_hold)
union all
select c.resource_id, format('%s asked for what is gone and invoiced', c.asked), c.changed_at, null
from invoicing.credit_hold c
join invoicing.account a using (account_id)
where c.asked > 0 and c.payment_id is null
  and not exists (
      select from invoicing.usage_segment s
      where s.account_id = c.account_id and s.resource_id = c.resource_id
        and coalesce(s.ended_at, 'infinity') > coalesce(a.closed_until, '-infinity')
  )
  and not exists (
      select from invoicing.usage_report u
      where u.account_id = c.account_id and u.resource_id = c.resource_id
        and u.period >= coalesce(to_char((a.closed_until + interval '15 hours') at time zone 'UTC',
                                         'YYYY-MM'), '')
  );

-- name: charges_were_asked_for
-- 11.1 Money leaves a wallet only for a payment, and in the amount that was paid.
select t.transfer_id as id,
       format('charged %s from %s/%s, paid %s', t.amount, t.account_id, t.wallet,
              coalesce(o.amount::text, 'nothing')) as detail,
       t.recorded_at as since, p.correlation_id
from wallet.transfer t
left join billing.charge c on c.charge_id = t.transfer_id
left join billing.payment p on p.payment_id = c.payment_id
left join billing.payment_outcome o
    on o.account_id = p.account_id and o.payment_id = p.payment_id
where t.kind = 'charge'
  and (o.outcome, o.amount, p.account_id, case p.method when 'poc' then 'poc' else 'credit' end)
      is distinct from ('confirmed', t.amount, t.account_id, t.wallet);

-- name: payments_were_charged
-- 11.1 A payment from a wallet is confirmed only once the money has left it, and it leaves once.
select p.payment_id as id,
       format('confirmed %s, charged %s', o.amount, coalesce(taken.amount, 0)) as detail,
       o.recorded_at as since, p.correlation_id
from billing.payment p
join billing.payment_outcome o
    on o.account_id = p.account_id and o.payment_id = p.payment_id and o.outcome = 'confirmed'
left join (
    select c.payment_id, sum(t.amount) as amount
    from billing.charge c
    join wallet.transfer t on t.kind = 'charge' and t.transfer_id = c.charge_id
    group by c.payment_id
) taken on taken.payment_id = p.payment_id
where p.method in ('credit', 'top_up_and_pay', 'poc') and taken.amount is distinct from o.amount;

-- name: gateway_payments_came
-- 11.1 A payment through a gateway is confirmed with the money that came for it, and only so.
select p.payment_id as id,
       format('confirmed %s, came %s', coalesce(o.amount::text, 'nothing'),
              coalesce(g.amount::text, 'nothing')) as detail,
       null::timestamptz as since, p.correlation_id
from billing.payment p
left join billing.payment_outcome o
    on o.account_id = p.account_id and o.payment_id = p.payment_id and o.outcome = 'confirmed'
left join billing.gateway_receipt g on g.payment_id = p.payment_id and g.became = 'payment'
where p.method in ('gateway', 'on_behalf') and o.amount is distinct from g.amount;

-- name: gateway_money_arrived
-- 11.1 Money from a gateway that was to become credit has become so.
select g.gateway || '/' || g.gateway_reference as id,
       format('%s received for %s', g.amount, p.account_id) as detail,
       g.recorded_at as since, p.correlation_id
from billing.gateway_receipt g
join billing.payment p using (payment_id)
left join wallet.transfer t on t.kind = 'top_up' and t.transfer_id = g.top_up_id
where g.top_up_id is not null
  and (t.account_id, t.wallet, t.amount) is distinct from (p.account_id, 'credit', g.amount);

-- name: top_ups_were_told
-- 11.1 What billing turns into a top-up goes back to the receipt of that money.
select t.transfer_id as id, format('%s to %s', t.amount, t.account_id) as detail,
       t.recorded_at as since, null::text as correlation_id
from wallet.transfer t
where t.kind = 'top_up' and t.transfer_id ~ '^top-up:[0-9a-f]{32}$' and not exists (
    select from billing.gateway_receipt g where g.top_up_id = t.transfer_id
);

-- name: refunds_arrived
-- 11.1 Each refund is in the wallet, in its amount.
select r.refund_id as id, format('%s to %s/%s', r.amount, r.account_id, r.wallet) as detail,
       r.recorded_at as since, o.correlation_id
from billing.refund r
join billing.purchase_order o using (order_id)
left join wallet.transfer t on t.kind = 'refund' and t.transfer_id = r.refund_id
where (t.account_id, t.wallet, t.amount) is distinct from (r.account_id, r.wallet, r.amount);

-- name: invoice_refunds_arrived
-- 11.1 What an invoice owes to its customer, what was paid of one too much, and what was credited
-- of it after that, is in the wallet.
select r.refund_id as id, format('%s to %s for %s', r.amount, r.account_id, r.invoice_id) as detail,
       r.since, r.correlation_id
from (
    select v.invoice_id as refund_id, v.account_id, -v.gross as amount, v.invoice_id,
           v.recorded_at as since, null::text as correlation_id
    from invoicing.invoice v where v.gross < 0 and v.kind <> 'prepaid'
    union all
    select 'overpaid-' || i.payment_id, i.account_id, i.overpaid, i.invoice_id, i.recorded_at,
           p.correlation_id
    from invoicing.invoice_payment i left join billing.payment p using (payment_id)
    where i.overpaid > 0
    union all
    select c.refund_id, c.account_id, c.given_back, c.invoice_id, c.recorded_at,
           null::text
    from invoicing.credit_note c where c.given_back > 0
) r
left join wallet.transfer t on t.kind = 'refund' and t.transfer_id = r.refund_id
where (t.account_id, t.wallet, t.amount) is distinct from (r.account_id, 'credit', r.amount);

-- name: refunds_were_told
-- 11.1 Money comes back into a wallet only because billing or an invoice gave it back.
select t.transfer_id as id,
       format('%s to %s/%s: %s', t.amount, t.account_id, t.wallet, t.reason) as detail,
       t.recorded_at as since, null::text as correlation_id
from wallet.transfer t
left join billing.refund r on r.refund_id = t.transfer_id
left join invoicing.invoice v on v.invoice_id = t.transfer_id and v.gross < 0
left join invoicing.invoice_payment i
    on t.transfer_id = 'overpaid-' || i.payment_id and i.overpaid > 0
left join invoicing.credit_note c on c.refund_id = t.transfer_id
where t.kind = 'refund'
  and coalesce(r.refund_id, v.invoice_id, i.payment_id, c.credit_note_id) is null;

-- name: refunds_within_payments
-- 11.1 No resource gives back more than went in for it (domain 6), by refunds and by credit notes, and
-- to the POC wallet what that paid, else credit (domain 9).
select i.resource_id as id,
       format('paid %s, given back %s, of it %s by credit notes; from the POC wallet %s, to it %s',
              sum(i.paid), sum(i.back), sum(i.credited), sum(i.poc_paid), sum(i.poc_back)) as detail,
       null::timestamptz as since, null::text as correlation_id
from (
    select i.resource_id, coalesce(r.amount, 0) + coalesce(c.credited, 0) as back,
           coalesce(c.credited, 0) as credited,
           case when o.outcome is null then 0 else greatest(i.amount, 0) end as paid,
           case when r.wallet = 'poc' then r.amount else 0 end as poc_back,
           case when o.outcome is not null and p.method = 'poc' then greatest(i.amount, 0)
               else 0 end as poc_paid
    from billing.order_item i
    left join billing.payment p on p.order_id = i.order_id
    left join billing.payment_outcome o
        on o.account_id = p.account_id and o.payment_id = p.payment_id and o.outcome = 'confirmed'
    left join billing.refund r on r.order_id = i.order_id and r.item_id = i.item_id
    left join (
        select v.order_id, v.item_id, sum(n.given_back) as credited
        from invoicing.credit_note n join invoicing.invoice v using (account_id, invoice_id)
        where v.kind = 'prepaid'
        group by v.order_id, v.item_id
    ) c on c.order_id = i.order_id and c.item_id = i.item_id
) i
group by i.resource_id
having sum(i.poc_back) > sum(i.poc_paid)
    or sum(i.back - i.poc_back) > sum(i.paid - i.poc_paid);

-- name: credit_notes_were_reserved
-- 11.1 What a credit note of a prepaid invoice gave back was reserved by billing, which knows what is
-- left of the money that went in (domain 6), and what was reserved is issued.
select coalesce(n.credit_note_id, c.credit_note_id) as id,
       format('given back %s, reserved %s', coalesce(n.given_back::text, 'nothing'),
              coalesce(c.given_back::text, 'nothing')) as detail,
       case when n.credit_note_id is null then c.recorded_at end as since,
       case when n.credit_note_id is null then c.correlation_id end as correlation_id
from (
    select n.account_id, n.credit_note_id, n.given_back, v.order_id, v.item_id
    from invoicing.credit_note n join invoicing.invoice v using (account_id, invoice_id)
    where v.kind = 'prepaid'
) n
full join billing.credit_note c using (account_id, credit_note_id)
where (n.given_back, n.order_id, n.item_id) is distinct from (c.given_back, c.order_id, c.item_id);

-- name: unused_value_went_back
-- 11.1 What a deletion, or the end of a proof of concept, left unused was given back, where the product
-- refunds (domain 6, 9) and no credit note had given it back.
select order_id || '/' || item_id as id,
       format('unused %s, given back %s', sum(unused), coalesce(max(given_back), 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from (
    select q.order_id, q.item_id, r.amount as given_back,
           div(2 * p.paid * minutes_left + minutes, 2 * minutes) as unused
    from provisioning.request q
    join billing.term_piece p
        on p.account_id = q.account_id and p.resource_id = q.resource_id
        and p.ended_at = q.concluded_at and p.ended_at < p.ends_at
    join billing.order_item i
        on i.account_id = p.account_id and i.order_id = p.order_id and i.item_id = p.item_id
    left join billing.refund r
        on r.account_id = q.account_id and r.order_id = q.order_id and r.item_id = q.item_id
    cross join lateral (
        select extract(epoch from date_trunc('minute', p.ends_at)
                                  - date_trunc('minute', p.starts_at)) / 60 as minutes,
               extract(epoch from date_trunc('minute', p.ends_at)
                                  - date_trunc('minute', greatest(p.starts_at, p.ended_at))) / 60
                   as minutes_left
    ) term
    cross join lateral (
        select v.refundable from billing.product_version v
        where v.product = i.priced ->> 'product'
          and v.effective_from <= q.concluded_at and v.published_at <= q.concluded_at
        order by v.effective_from desc limit 1
    ) policy
    where q.action in ('delete', 'stop_poc') and q.outcome = 'succeeded' and term.minutes > 0
      and (policy.refundable or i.priced ->> 'poc' is not distinct from 'running')
      and not exists (
          select from billing.credit_note c
          join billing.order_item of using (account_id, order_id, item_id)
          where of.account_id = p.account_id and of.resource_id = p.resource_id
      )
) piece
group by order_id, item_id
having sum(unused) > coalesce(max(given_back), 0);

-- name: gateway_answers_arrived
-- 11.1 All money that a gateway said it took is known to billing.
select a.gateway || '/' || a.gateway_reference as id,
       format('%s taken for %s', a.amount, p.payment_id) as detail,
       a.recorded_at as since, coalesce(p.correlation_id, p.cause_id) as correlation_id
from gateways.gateway_answer a
join gateways.gateway_order o using (gateway, order_id)
join gateways.payment p using (payment_id)
left join billing.gateway_receipt g
    on g.gateway = a.gateway and g.gateway_reference = a.gateway_reference
where a.outcome = 'succeeded' and p.method <> 'top_up'
  and (g.payment_id, g.amount) is distinct from (p.payment_id, a.amount);

-- name: gateway_top_ups_arrived
-- 11.1 All money that a gateway took to top up an account is credit of that account.
select t.account_id || '/' || t.gateway as id,
       format('%s taken to top up, %s became credit', t.amount, coalesce(c.amount, 0)) as detail,
       t.recorded_at as since, null::text as correlation_id
from (
    select p.account_id, a.gateway, sum(a.amount) as amount, max(a.recorded_at) as recorded_at
    from gateways.gateway_answer a
    join gateways.gateway_order o using (gateway, order_id)
    join gateways.payment p using (payment_id)
    where a.outcome = 'succeeded' and p.method = 'top_up'
    group by p.account_id, a.gateway
) t
left join lateral (
    select sum(c.amount) as amount from wallet.transfer c
    where c.kind = 'top_up' and c.account_id = t.account_id and c.wallet = 'credit'
      and c.debit_side = 'gateway:' || t.gateway
) c on true
where t.amount > coalesce(c.amount, 0);
