-- The partition of a billing month's reports is made by the owner of the tables: workers own none.
create function open_usage_month(month text) returns void
language plpgsql security definer set search_path from current as $$
declare
    partition text := format('usage_report_%s', replace(month, '-', ''));
begin
    execute format('create table %I (like usage_report including all)', partition);
    execute format('alter table usage_report attach partition %I for values in (%L)',
                   partition, month);
end $$;

-- Only a month that takes no more reports can be put away.
create function detach_usage_month(month text) returns void
language plpgsql security definer set search_path from current as $$
begin
    if not exists (select from usage_month m
                   where m.month = detach_usage_month.month and m.archived_at is not null) then
        raise exception 'billing month % is not archived', month using errcode = 'check_violation';
    end if;
    execute format('alter table usage_report detach partition %I',
                   format('usage_report_%s', replace(month, '-', '')));
end $$;
