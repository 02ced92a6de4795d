-- name: resources_are_followed
-- 11.4 Invoicing has followed each resource up to what happened to it last.
select coalesce(r.resource_id, v.resource_id) as id,
       format('provisioning: version %s, invoicing: version %s', coalesce(r.version, 0),
              coalesce(v.version, 0)) as detail,
       r.changed_at as since, null::text as correlation_id
from (select * from provisioning.resource where version > 0) r
full join invoicing.resource v using (resource_id)
where r.version is distinct from v.version;

-- name: use_is_recorded
-- 11.4 Each postpaid resource that exists has an open stretch of use, and no other has.
select r.resource_id as id,
       format('%s %s, %s', r.user_type, r.state,
              case when s.resource_id is null then 'no use recorded' else 'use recorded' end)
           as detail,
       r.changed_at as since, null::text as correlation_id
from provisioning.resource r
left join invoicing.usage_segment s on s.resource_id = r.resource_id and s.ended_at is null
where (r.user_type = 'postpaid'
       and (r.state in ('active', 'stopped') or r.suspended_by is not distinct from 'hold_short'))
      <> (s.resource_id is not null);

-- name: use_is_invoiced_once
-- 11.4 Every minute of postpaid use before an account's last closing is on exactly one invoice; what
-- a meter reports is not billed by time.
with metered as (
    select distinct product, sku from invoicing.meter_period
), used as (
    select s.resource_id, sku,
           sum(extract(epoch from least(
               coalesce(s.ended_at, 'infinity'),
               case when s.final_invoice_id is null then a.closed_until else 'infinity' end
           ) - s.started_at) / 60)::bigint as minutes
    from invoicing.usage_segment s
    join invoicing.account a using (account_id)
    cross join lateral unnest(s.skus) as sku
    where (s.final_invoice_id is not null or s.started_at < a.closed_until)
      and (s.product, sku) not in (select product, sku from metered)
    group by s.resource_id, sku
), invoiced as (
    select v.resource_id, l.sku, sum(l.minutes) as minutes
    from invoicing.invoice v join invoicing.invoice_line l using (account_id, invoice_id)
    where v.kind in ('usage', 'final') and l.month is null and l.minutes is not null
    group by v.resource_id, l.sku
), corrected as (
    select resource_id, sku,
           sum(sign * extract(epoch from period_to - period_from) / 60)::bigint as minutes
    from invoicing.adjustment
    where (product, sku) not in (select product, sku from metered)
    group by resource_id, sku
)
select resource_id || '/' || sku as id,
       format('used %s minutes, invoiced %s, corrected by %s', coalesce(u.minutes, 0),
              coalesce(i.minutes, 0), coalesce(c.minutes, 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from used u
full join invoiced i using (resource_id, sku)
full join corrected c using (resource_id, sku)
where coalesce(u.minutes, 0) <> coalesce(i.minutes, 0) + coalesce(c.minutes, 0);

-- name: corrections_are_invoiced
-- 11.4 What was learnt too late is on the invoice of the month in which it was due, once.
with due as (
    select a.resource_id, a.sku,
           sum(extract(epoch from a.period_to - a.period_from) / 60)::bigint as minutes
    from invoicing.adjustment a
    left join invoicing.invoice v
        on v.kind = 'usage' and v.account_id = a.account_id and v.resource_id = a.resource_id
        and v.period = a.period
    where (a.final_invoice_id is not null or v.invoice_id is not null)
      and (a.product, a.sku) not in (select product, sku from invoicing.meter_period)
    group by a.resource_id, a.sku
), invoiced as (
    select v.resource_id, l.sku, sum(l.minutes) as minutes
    from invoicing.invoice v join invoicing.invoice_line l using (account_id, invoice_id)
    where v.kind in ('usage', 'final') and l.month is not null and l.minutes is not null
    group by v.resource_id, l.sku
)
select resource_id || '/' || sku as id,
       format('%s minutes were to be corrected, %s are', coalesce(d.minutes, 0),
              coalesce(i.minutes, 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from due d full join invoiced i using (resource_id, sku)
where coalesce(d.minutes, 0) <> coalesce(i.minutes, 0);

-- name: one_invoice_a_month
-- 11.3 A resource has at most one regular invoice a billing month.
select resource_id || '/' || period as id, format('%s invoices', count(*)) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice where kind = 'usage'
group by resource_id, period having count(*) > 1;

-- name: invoices_add_up
-- 11.1 Each invoice is the sum of its lines, and net and VAT make its gross.
select v.invoice_id as id,
       format('net %s, VAT %s, gross %s, lines %s', v.net, v.vat, v.gross,
              coalesce(l.gross, 0) - v.discount) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice v
left join (
    select invoice_id, sum(amount + case when vat_included then 0 else vat end) as gross
    from invoicing.invoice_line group by invoice_id
) l using (invoice_id)
where v.net + v.vat <> v.gross or coalesce(l.gross, 0) - v.discount <> v.gross;

-- name: invoice_numbers
-- 11.6 Invoice numbers have no gaps within their series.
select s.series as id,
       format('%s numbers taken, %s invoices', s.next_number - 1, count(v.number)) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice_series s left join invoicing.invoice v using (series)
group by s.series, s.next_number
having count(v.number) <> s.next_number - 1 or coalesce(max(v.number), 0) <> s.next_number - 1;

-- name: invoices_paid_once
-- 11.1 What is paid of an invoice is the sum of its payments, and never more than it.
select v.invoice_id as id,
       format('paid %s of %s, payments %s', coalesce(s.paid::text, 'nothing known'), v.gross,
              coalesce(p.paid, 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice v
left join invoicing.invoice_state s using (account_id, invoice_id)
left join (select invoice_id, sum(amount) as paid from invoicing.invoice_payment group by 1) p
    using (invoice_id)
where (s.gross, s.paid) is distinct from (
    v.gross, case v.kind when 'prepaid' then greatest(v.gross, 0) else coalesce(p.paid, 0) end
) or s.paid > greatest(v.gross, 0);

-- name: credits_add_up
-- 11.6 What was credited of an invoice is the sum of its credit notes, and never more than it.
select s.invoice_id as id,
       format('gross %s, credited %s, credit notes %s', s.gross, s.credited, coalesce(c.amount, 0))
           as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice_state s
left join (select invoice_id, sum(amount) as amount from invoicing.credit_note group by 1) c
    using (invoice_id)
where s.credited <> coalesce(c.amount, 0) or s.credited > greatest(s.gross, 0);

-- name: invoice_collections
-- 11.1 What is reserved of an invoice is what is being collected for it.
select s.invoice_id as id,
       format('reserved %s, being collected %s', s.reserved, coalesce(c.amount, 0)) as detail,
       null::timestamptz as since, null::text as correlation_id
from invoicing.invoice_state s
left join (
    select invoice_id, sum(amount) as amount
    from invoicing.invoice_collection where outcome is null group by invoice_id
) c using (invoice_id)
where s.reserved <> coalesce(c.amount, 0);

-- name: overdue_accounts_owe
-- 11.5 Who was told to be overdue, and is kept from ordering, has not paid something that was due.
select d.account_id as id,
       format('told to be overdue at %s, owes nothing that was due then', max(d.told_at)) as detail,
       max(settled.recorded_at) as since, max(settled.correlation_id) as correlation_id
from (
    select account_id, overdue_told_at as told_at
    from invoicing.account_dues where overdue_told_at is not null
    union all
    select account_id, told_at from billing.account_standing where overdue_since is not null
) d
left join lateral (
    select p.recorded_at, b.correlation_id
    from invoicing.invoice_payment p
    left join billing.payment b using (account_id, payment_id)
    where p.account_id = d.account_id
    union all
    select c.recorded_at, null from invoicing.credit_note c where c.account_id = d.account_id
    order by recorded_at desc limit 1
) settled on true
where not exists (select from invoicing.invoice_state s
                  where s.account_id = d.account_id and s.paid + s.credited < s.gross
                    and s.due_at <= d.told_at)
group by d.account_id;

-- name: invoice_payments_agree
-- 11.1 Each confirmed payment of an invoice is on that invoice, and no other is.
select coalesce(p.payment_id, i.payment_id) as id,
       format('confirmed %s, counted %s for %s', coalesce(p.amount::text, 'nothing'),
              coalesce((i.amount + i.overpaid)::text, 'nothing'),
              coalesce(p.invoice_id, i.invoice_id)) as detail,
       coalesce(p.recorded_at, i.recorded_at) as since, p.correlation_id
from (
    select p.payment_id, p.invoice_id, p.correlation_id, o.amount, o.recorded_at
    from billing.payment p
    join billing.payment_outcome o
        on o.account_id = p.account_id and o.payment_id = p.payment_id and o.outcome = 'confirmed'
    where p.invoice_id is not null
) p
full join (
    select * from invoicing.invoice_payment where method <> 'recorded'  -- by Sales, not by billing
) i using (payment_id)
where (p.invoice_id, p.amount) is distinct from (i.invoice_id, i.amount + i.overpaid);

-- name: close_reports
-- 11.3 A month's close report is what the invoices of its run come to, with the same checksum.
with latest as (
    select distinct on (period) period, revision, resources, invoices, adjustments, checksum
    from invoicing.run_report order by period, revision desc
), stretch as (
    select distinct period, series, first_number, end_number from invoicing.run_total
), counted as (
    select s.period, count(*) as invoices, count(distinct i.resource_id) as resources,
           sum(l.adjustments) as adjustments, sum(invoicing.mark_of(i)) as checksum
    from stretch s
    join invoicing.invoice i on i.series = s.series
        and i.number >= s.first_number and i.number < s.end_number
    cross join lateral (
        select count(l.month) as adjustments
        from invoicing.invoice_line l
        where l.account_id = i.account_id and l.invoice_id = i.invoice_id
    ) l
    group by s.period
), money as (
    select s.period, i.currency, count(*) as invoices, sum(i.net) as net, sum(i.vat) as vat,
           sum(i.gross) as gross
    from stretch s
    join invoicing.invoice i on i.series = s.series
        and i.number >= s.first_number and i.number < s.end_number
    group by s.period, i.currency
)
select r.period as id,
       format('reported %s invoices of %s resources, %s adjustments, checksum %s; found %s of %s, %s, %s',
              t.invoices, t.resources, t.adjustments, t.checksum, coalesce(c.invoices, 0),
              coalesce(c.resources, 0), coalesce(c.adjustments, 0), coalesce(c.checksum, 0))
           as detail,
       (select max(done_at) from invoicing.run_range g where g.period = r.period) as since,
       null::text as correlation_id
from latest t
join invoicing.run r using (period)
left join counted c using (period)
where (t.invoices, t.resources, t.adjustments, t.checksum) is distinct from
      (coalesce(c.invoices, 0), coalesce(c.resources, 0), coalesce(c.adjustments, 0),
       coalesce(c.checksum, 0))
union all
select coalesce(p.period, m.period) || '/' || coalesce(p.currency, m.currency),
       format('reported net %s, VAT %s, gross %s; found %s, %s, %s', p.net, p.vat, p.gross, m.net,
              m.vat, m.gross),
       (select max(done_at) from invoicing.run_range g
        where g.period = coalesce(p.period, m.period)), null
from latest t
join invoicing.run_report_total p using (period, revision)
full join (select m.* from money m join latest using (period)) m
    on m.period = p.period and m.currency = p.currency
where (p.invoices, p.net, p.vat, p.gross) is distinct from (m.invoices, m.net, m.vat, m.gross);
