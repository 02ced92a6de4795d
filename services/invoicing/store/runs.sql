-- name: save_run
-- A month's run; nothing where there is one already.
insert into run (period, tick_at) values ($1, $2)
on conflict (period) do nothing
returning period;

-- name: append_ranges
-- Cut the accounts into ranges of $2 at most. The last one has no end, so that none is left out.
insert into run_range (period, range_number, first_account, next_account)
select $1, place, first_account, lead(first_account) over (order by first_account)
from (
    select (place / $2::integer)::integer as place,
           case when place = 0 then '' else account_id end as first_account
    from (
        select account_id, row_number() over (order by account_id) - 1 as place from account
        union all
        select '', 0 where not exists (select from account)
    ) counted
    where place % $2 = 0
) cut;

-- name: save_ranges
-- How many ranges a run was cut into; none of them is handed out yet.
update run set ranges = (select count(*) from run_range g where g.period = $1) where period = $1;

-- name: hand_out_ranges
-- Hand out the next $2 ranges of a run, as far as there are any.
with before as (
    select period, handed_out from run where period = $1 and handed_out < ranges
    for no key update
), moved as (
    update run r set handed_out = least(r.ranges, b.handed_out + $2::integer)
    from before b where r.period = b.period
    returning r.period, b.handed_out as first, r.handed_out as next, r.tick_at
)
select g.period, g.range_number, g.first_account, g.next_account, false as done, m.tick_at
from moved m
join run_range g on g.period = m.period
    and g.range_number >= m.first and g.range_number < m.next
order by g.range_number;

-- name: lock_ranges
-- Ranges of runs, held while they are worked on, with when their run was due.
select g.period, g.range_number, g.first_account, g.next_account, g.done_at is not null as done,
       r.tick_at
from run_range g join run r using (period)
where (g.period, g.range_number) in (select * from unnest($1::text[], $2::integer[]))
order by g.period, g.range_number
for no key update of g;

-- name: append_range
-- One more range of a run: accounts that are run again by themselves.
insert into run_range (period, range_number, first_account, next_account) values ($1, $2, $3, $4);

-- name: lock_reruns
-- Let one at a time run an account of a month again alone, so that each is a range of its own.
select pg_advisory_xact_lock(hashtext('cloudtill rerun'), hashtext($1));

-- name: append_account_range
-- One more range of a run: an account that is run again alone.
insert into run_range (period, range_number, first_account, next_account)
select $1, greatest(r.ranges, max(g.range_number) + 1), $2, $3
from run r left join run_range g using (period)
where r.period = $1
group by r.period
returning range_number;

-- name: find_quarantined
-- The accounts of a range that are left out of months that were run, and why.
select account_id, period, reason, detail from quarantine
where resolved_at is null and account_id >= $1 and ($2::text is null or account_id < $2)
order by account_id, period;

-- name: find_runs
-- When these months' runs were due, and how many ranges they were cut into.
select period, tick_at, ranges from run where period = any($1::text[]);

-- name: append_totals
-- What a range issued for a month, by currency: the invoices with a run of numbers.
insert into run_total (period, range_number, month, currency, series, first_number, end_number,
                       invoices, adjustments, net, vat, gross, checksum)
select $1, $2, $3, i.currency, $4, $5, $6, count(*), sum(l.adjustments), sum(i.net), sum(i.vat),
       sum(i.gross), sum(mark_of(i))
from invoice i
cross join lateral (
    select count(l.month) as adjustments from invoice_line l
    where l.account_id = i.account_id and l.invoice_id = i.invoice_id
) l
where i.series = $4 and i.number >= $5 and i.number < $6
group by i.currency;

-- name: conclude_range
-- A range is done: how many invoices it issued and how many accounts it had to leave out.
update run_range set invoices = $3, quarantined = $4, done_at = now()
where period = $1 and range_number = $2;

-- name: lock_runs
-- Hold runs, so that each is completed once and its reports have one order.
select period from run where period = any ($1::text[])
order by period
for no key update;

-- name: complete_runs
-- Complete those of these runs whose ranges are all done.
update run r set completed_at = now()
where period = any ($1::text[]) and completed_at is null
  and (select count(*) from run_range g where g.period = r.period and g.done_at is not null
       and g.range_number < r.ranges) = r.ranges
returning period;

-- name: append_reports
-- Close reports of those of these runs that are completed, where something has changed since the
-- last. A resource whose missed months were closed with this one counts once.
with total as (
    select r.period, count(distinct t.month) as months, coalesce(sum(t.invoices), 0) as invoices,
           coalesce(sum(t.adjustments), 0) as adjustments, coalesce(sum(t.checksum), 0) as checksum
    from run r left join run_total t using (period)
    where r.period = any ($1::text[]) and r.completed_at is not null
    group by r.period
), report as (
    insert into run_report (period, revision, resources, invoices, adjustments, quarantined,
                            checksum)
    select t.period, coalesce(last.revision, 0) + 1,
           case when months < 2 then t.invoices else (
               select count(distinct i.resource_id)
               from (select distinct series, first_number, end_number from run_total n
                     where n.period = t.period) n
               join invoice i on i.series = n.series
                   and i.number >= n.first_number and i.number < n.end_number
           ) end,
           t.invoices, t.adjustments,
           (select coalesce(sum(g.quarantined), 0) from run_range g join run r using (period)
            where g.period = t.period and g.range_number < r.ranges),
           t.checksum
    from total t
    left join lateral (
        select revision, invoices, checksum from run_report p where p.period = t.period
        order by revision desc limit 1
    ) last on true
    where (last.invoices, last.checksum) is distinct from (t.invoices, t.checksum)
    returning period, revision
)
insert into run_report_total (period, revision, currency, invoices, net, vat, gross)
select r.period, r.revision, t.currency, sum(t.invoices), sum(t.net), sum(t.vat), sum(t.gross)
from report r join run_total t using (period)
group by r.period, r.revision, t.currency;

-- name: find_first_reports
-- What runs had come to when they were completed, with the gross total of each currency.
select p.period, p.invoices, p.quarantined,
       (select coalesce(json_object_agg(currency, gross::bigint), '{}') from run_report_total t
        where t.period = p.period and t.revision = 1)::text as amounts
from run_report p
where p.period = any ($1::text[]) and p.revision = 1
order by p.period;
