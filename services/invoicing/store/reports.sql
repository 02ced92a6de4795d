-- name: add_month
-- A month that takes reports from now on; nothing where another worker was quicker, or is just at
-- it: nobody waits, since that one may have to wait for whoever has the reports' table open.
insert into usage_month (month)
select $1 where pg_try_advisory_xact_lock(hashtext('usage_month'), hashtext($1))
on conflict do nothing
returning month;

-- name: open_month
-- Make the partition of a month's reports.
select open_usage_month($1);

-- name: hold_accounts
-- Hold accounts, so that no month's run closes them meanwhile.
select count(*) from (
    select from account where account_id = any ($1::text[]) order by account_id for share
) held;

-- name: plan_each_time
-- Plan what follows in this transaction for the arrays that it gets: a plan for any expects ten of
-- them, and with ten thousand it takes minutes.
set local plan_cache_mode = force_custom_plan;

-- name: plan_once
-- Plan what follows in this transaction as usual.
set local plan_cache_mode = auto;

-- name: append_reports
-- Count reports, each once, their keys taken in an order that Python has too: in the month in which the use ended, on the invoice of that month or,
-- where that was issued already, of the account's first one that is open. Use until the very end of
-- a month belongs to it, so that nobody is late who reports as soon as it is over. Out come the
-- places of those that were not counted, in their order, and why; `no_month`: it is to be opened first.
-- $1 to $8 the reports, texts as lists with record separators between, which no id has in it: that is
-- read and written quicker than arrays of texts; $9 the billing time zone; $10 how far ahead of its message use may end;
-- $11 how many months late it may be reported.
with told as (
    select i.*, u.month, a.closed_until,
           case when i.used_to < i.used_from then 'ends_before_it_starts'
                when i.used_to > i.reported_at + $10::interval then 'from_the_future'
                when u.month < to_char(i.reported_at at time zone $9
                                       - make_interval(months => $11), 'YYYY-MM') then 'too_long_ago'
                when r.resource_id is null then 'unknown_resource'
                when r.account_id <> i.account_id then 'wrong_account'
                when m.meter is null then 'unknown_meter'
                when o.month is null then 'no_month'
                when o.archived_at is not null then 'month_archived'
                else ''
           end as fault
    from unnest(string_to_array($1, E'\x1e'), string_to_array($2, E'\x1e'),
                string_to_array($3, E'\x1e'), string_to_array($4, E'\x1e'),
                string_to_array($5, E'\x1e'), $6::timestamptz[], $7::timestamptz[],
                $8::timestamptz[])
        with ordinality as i (resource_id, report_id, account_id, meter, quantity, used_from,
                              used_to, reported_at, place)
    cross join lateral (
        select to_char(greatest(i.used_from, i.used_to - interval '1 microsecond')
                       at time zone $9, 'YYYY-MM') as month
    ) u
    left join resource r on r.resource_id = i.resource_id
    left join account a on a.account_id = r.account_id
    left join (select product, meter from meter_period group by product, meter) m
        on m.product = r.product and m.meter = i.meter
    left join usage_month o on o.month = u.month
), judged as materialized (
    select *, fault = '' as good from told
), good as materialized (
    select distinct on (resource_id, report_id) *
    from judged where good
    order by resource_id, report_id, place
), keyed as (
    insert into usage_report_key (account_id, resource_id, report_id, month)
    select account_id, resource_id, report_id, month from good
    order by account_id collate "C", resource_id collate "C", report_id collate "C"
    on conflict do nothing
    returning resource_id, report_id
), counted as materialized (
    select g.* from good g join keyed using (resource_id, report_id)
), added as (
    insert into usage_report (month, account_id, resource_id, report_id, meter, quantity, used_from,
                              used_to, period, reported_at)
    select month, account_id, resource_id, report_id, meter, quantity::numeric, used_from, used_to,
           greatest(month, to_char(closed_until at time zone $9, 'YYYY-MM')), reported_at
    from counted
)
select place, coalesce(nullif(fault, ''), 'again') as fault, month
from judged
where place not in (select place from counted)
order by place;

-- name: find_other_content
-- The places of those reports that have another content than the ones counted under their ids.
select i.place
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
            $7::timestamptz[], $8::bigint[])
    as i (resource_id, report_id, account_id, meter, quantity, used_from, used_to, place)
join usage_report_key k using (account_id, resource_id, report_id)
where not exists (
    select from usage_report u
    where u.month = k.month and u.account_id = i.account_id and u.resource_id = i.resource_id
      and u.report_id = i.report_id and u.meter = i.meter and u.quantity = i.quantity::numeric
      and u.used_from = i.used_from and u.used_to = i.used_to
);

-- name: keep_waiting
-- Keep reports until their resource is known.
insert into waiting_report (resource_id, report_id, account_id, meter, quantity, used_from, used_to,
                            reported_at, kept_until)
select resource_id, report_id, account_id, meter, quantity::numeric, used_from, used_to,
       reported_at, kept_until
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
            $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])
    as i (resource_id, report_id, account_id, meter, quantity, used_from, used_to, reported_at,
          kept_until)
order by resource_id, report_id
on conflict do nothing;

-- name: take_waiting
-- Take out what waited for these resources, held in a fixed order before.
with held as materialized (
    select ctid from waiting_report where resource_id = any ($1::text[])
    order by resource_id, report_id for update
)
delete from waiting_report where ctid in (select ctid from held)
returning resource_id, report_id, account_id, meter, quantity, used_from, used_to, reported_at;

-- name: take_waited
-- Take out what waits no more, held in a fixed order before: its resource is known, or its time is
-- over.
with held as materialized (
    select ctid from waiting_report w
    where w.kept_until <= $1
       or exists (select from resource r where r.resource_id = w.resource_id)
    order by resource_id, report_id for update
)
delete from waiting_report where ctid in (select ctid from held)
returning resource_id, report_id, account_id, meter, quantity, used_from, used_to, reported_at;

-- name: close_usage_month
-- Take no more reports of a month, if all there are of it are on invoices.
update usage_month m set archived_at = now()
where month = $1 and archived_at is null
  and exists (select from run r where r.period = $1 and r.completed_at is not null)
  and not exists (select from quarantine q where q.resolved_at is null)
  and not exists (
      select from usage_report u
      where u.month = $1 and u.period <> u.month and not exists (
          select from run r where r.period = u.period and r.completed_at is not null)
  )
returning month;

-- name: detach_month
-- Put the partition of an archived month's reports beside the others.
select detach_usage_month($1);

-- name: forget_keys
-- Forget which reports of an archived month there were: its month refuses them from now on.
delete from usage_report_key where month = $1;

-- name: find_month_standing
-- A month with reports: the first run that it still needs, and accounts that are in quarantine.
select m.archived_at,
       (select min(p.period)
        from (select m.month as period
              union
              select u.period from usage_report u where u.month = m.month and u.period <> u.month) p
        where not exists (
            select from run r where r.period = p.period and r.completed_at is not null
        )) as unfinished,
       (select count(*) from quarantine q where q.resolved_at is null)::integer as quarantined
from usage_month m where m.month = $1;
