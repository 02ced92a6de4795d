-- Workers own no table, so that none can drop a constraint or a trigger. The few tables that come
-- and go with the days are made and dropped here, by the owner, for whoever may write the inbox.

create function open_inbox_day(day date) returns void
language plpgsql security definer set search_path from current as $$
declare
    partition text := format('inbox_%s', to_char(day, 'YYYYMMDD'));
begin
    execute format('create table %I (like inbox including all)', partition);
    execute format('alter table inbox attach partition %I for values from (%L) to (%L)',
                   partition, day, day + 1);
end $$;

create function drop_inbox_day(day date) returns void
language plpgsql security definer set search_path from current as $$
begin
    execute format('drop table %I', format('inbox_%s', to_char(day, 'YYYYMMDD')));
end $$;
