-- name: find_runs
-- The month's runs, the latest first, with how far each is.
select r.period, r.ranges, r.began_at, r.completed_at, r.amounts, g.done, g.invoices, q.quarantined
from month_run r
cross join lateral (
    select count(*) filter (where range_number < r.ranges) as done,
           coalesce(sum(invoices), 0)::bigint as invoices
    from month_range g where g.period = r.period
) g
cross join lateral (
    select count(*) as quarantined from month_quarantine q
    where q.period = r.period and not q.resolved
) q
where $1::text is null or r.period = $1
order by r.period desc
limit 60;

-- name: find_quarantined
-- Accounts that a run left out, from a place on.
select q.account_id, q.reason, q.detail, q.at, a.name
from month_quarantine q left join account a using (account_id)
where q.period = $1 and not q.resolved and q.account_id > $2
order by q.account_id
limit $3;

-- name: find_reruns
-- Accounts that were run again alone, the latest first.
select g.account_id, g.invoices, g.quarantined, g.at, a.name
from month_range g left join account a using (account_id)
where g.period = $1 and g.account_id is not null
order by g.at desc, g.range_number desc
limit 50;
