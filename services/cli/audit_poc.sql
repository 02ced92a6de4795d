-- name: poc_wallets_pay_for_poc
-- 11.1 A POC wallet pays for proofs of concept, and nothing else does (domain 9).
select i.order_id || '/' || i.item_id as id,
       format('%s paid by %s for a resource that is %s', i.amount, p.method,
              coalesce('a POC, ' || (i.priced ->> 'poc'), 'regular')) as detail,
       null::timestamptz as since, null::text as correlation_id
from billing.payment p join billing.order_item i using (order_id)
where i.amount > 0 and (p.method = 'poc') <> (i.priced ->> 'poc' is not distinct from 'running');

-- name: poc_grants_arrived
-- 11.1 What was granted is in the POC wallet, once, and nothing else was.
select coalesce(g.grant_id, t.transfer_id) as id,
       format('granted %s, in the wallet %s', coalesce(g.amount::text, 'nothing'),
              coalesce(t.amount::text, 'nothing')) as detail,
       coalesce(g.recorded_at, t.recorded_at) as since,
       coalesce(g.grant_id, t.transfer_id) as correlation_id
from billing.poc_grant g
full join (select * from wallet.transfer where kind = 'grant') t on t.transfer_id = g.grant_id
where (g.account_id, g.amount, 'poc') is distinct from (t.account_id, t.amount, t.wallet);

-- name: poc_wallets_end
-- 11.1 A POC wallet ends when the last of its grants does.
select w.account_id as id,
       format('granted until %s, ends at %s', g.ends_at, w.ends_at) as detail,
       g.recorded_at as since, null::text as correlation_id
from wallet.wallet w
join (
    select account_id, max(ends_at) as ends_at, max(recorded_at) as recorded_at
    from billing.poc_grant group by account_id
) g using (account_id)
where w.wallet = 'poc' and w.ends_at is distinct from g.ends_at;

-- name: poc_has_no_invoice
-- 11.2 What a POC wallet paid for ends as done or refunded, and has no invoice.
select v.invoice_id as id, format('%s/%s is a POC', i.order_id, i.item_id) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice v
join billing.order_item i on i.order_id = v.order_id and i.item_id = v.item_id
where v.kind = 'prepaid' and i.priced ->> 'poc' is not null;

-- name: poc_ends_with_its_wallet
-- 11.5 A proof of concept does not outlive its wallet, unless it has become a regular resource.
select r.resource_id as id,
       format('runs until %s, its wallet until %s', r.ends_at, coalesce(w.ends_at::text, 'never'))
           as detail,
       r.changed_at as since, null::text as correlation_id
from provisioning.resource r
left join wallet.wallet w on w.account_id = r.account_id and w.wallet = 'poc'
where r.poc = 'running' and (r.ends_at > w.ends_at or w.ends_at is null);
