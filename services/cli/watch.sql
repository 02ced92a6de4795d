-- name: find_order_times
-- How long orders paid from credit took to their invoices, by the clock, of invoices in (from, to].
select extract(epoch from i.recorded_at - o.recorded_at)::float8 as seconds
from invoicing.invoice i join billing.purchase_order o on o.order_id = i.order_id
where i.recorded_at > $1 and i.recorded_at <= $2
  and i.kind = 'prepaid' and o.payment_method = 'credit';

-- name: find_month_runs
-- How far the latest months' runs are, and whose accounts they left out.
select r.period, r.completed_at is not null as is_complete, r.ranges,
       count(g.done_at) as done,
       (select count(*) from invoicing.quarantine q
        where q.period = r.period and q.resolved_at is null) as quarantined
from (select * from invoicing.run order by period desc limit 3) r
left join invoicing.run_range g using (period)
group by r.period, r.completed_at, r.ranges
order by r.period;
