-- name: wallets_are_shown
-- 11.5 The portal shows of each wallet, of an account that it knows, the balance that it has.
select format('%s/%s', w.account_id, w.wallet) as id,
       format('the wallet has %s, the portal shows %s', w.balance, coalesce(s.balance, 0)) as detail,
       case when exists (select from wallet.outbox) then 'infinity' else t.recorded_at end as since,
       null::text as correlation_id
from portal.account a
join wallet.wallet w on w.account_id = a.account_id
left join portal.wallet s on (s.account_id, s.wallet) = (w.account_id, w.wallet)
left join wallet.transfer t
    on (t.account_id, t.wallet, t.position) = (w.account_id, w.wallet, w.transfers)
where w.balance <> coalesce(s.balance, 0);

-- name: resources_are_shown
-- 11.5 The portal shows each resource, of an account that it knows, as provisioning has it.
select r.resource_id as id,
       format('provisioning has it %s (%s), the portal shows it %s (%s)', r.state, r.version,
              coalesce(s.state, 'nowhere'), coalesce(s.version, 0)) as detail,
       case when exists (select from provisioning.outbox) then 'infinity' else r.changed_at end as since,
       null::text as correlation_id
from portal.account a
join provisioning.resource r on r.account_id = a.account_id
left join portal.resource s on (s.account_id, s.resource_id) = (r.account_id, r.resource_id)
where r.version > 0 and (s.version is distinct from r.version or s.state is distinct from r.state);

-- name: invoices_are_shown
-- 11.5 The portal shows each invoice, of an account that it knows, with its total and what is left.
select i.invoice_id as id,
       format('%s of %s is left, the portal shows %s of %s', i.outstanding, i.gross,
              coalesce(s.outstanding::text, '-'), coalesce(s.gross::text, '-')) as detail,
       case when exists (select from invoicing.outbox) then 'infinity'
            else greatest(i.recorded_at,
                          (select max(p.recorded_at) from invoicing.invoice_payment p
                           where (p.account_id, p.invoice_id) = (i.account_id, i.invoice_id)),
                          (select max(n.recorded_at) from invoicing.credit_note n
                           where (n.account_id, n.invoice_id) = (i.account_id, i.invoice_id)))
       end as since,
       null::text as correlation_id
from portal.account a
join (
    select i.account_id, i.invoice_id, i.gross, i.recorded_at,
           greatest(i.gross - s.paid - s.credited, 0) as outstanding
    from invoicing.invoice i join invoicing.invoice_state s using (account_id, invoice_id)
) i on i.account_id = a.account_id
left join portal.invoice_state s on (s.account_id, s.invoice_id) = (i.account_id, i.invoice_id)
where s.gross is distinct from i.gross or s.outstanding is distinct from i.outstanding;

-- name: letters_are_shown
-- 11.5 The portal shows each dead letter of every service, and what became of it, once it was told of
-- any. Nothing is told of those that tell of dead letters themselves.
select format('%s:%s', d.service, d.number) as id,
       format('%s there, shown as %s', coalesce(d.conclusion, 'waiting'),
              case when r.died_at is null then 'nothing' else coalesce(r.conclusion, 'waiting') end)
           as detail,
       greatest(d.died_at, d.concluded_at) as since,
       null::text as correlation_id
from (
    select 'billing' as service, number, type, died_at, concluded_at, conclusion from billing.dead_letter
    union all
    select 'wallet' as service, number, type, died_at, concluded_at, conclusion from wallet.dead_letter
    union all
    select 'provisioning' as service, number, type, died_at, concluded_at, conclusion from provisioning.dead_letter
    union all
    select 'invoicing' as service, number, type, died_at, concluded_at, conclusion from invoicing.dead_letter
    union all
    select 'gateways' as service, number, type, died_at, concluded_at, conclusion from gateways.dead_letter
    union all
    select 'notifications' as service, number, type, died_at, concluded_at, conclusion from notifications.dead_letter
    union all
    select 'portal' as service, number, type, died_at, concluded_at, conclusion from portal.dead_letter
    union all
    select 'scheduler' as service, number, type, died_at, concluded_at, conclusion from scheduler.dead_letter
) d
left join portal.reported_letter r using (service, number)
where (r.died_at is null or r.conclusion is distinct from d.conclusion)
  and coalesce(d.type, '') not in (
      'dead_letter.recorded', 'dead_letter.concluded', 'dead_letter.not_waiting')
  and exists (select from portal.account);
