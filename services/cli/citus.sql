-- name: find_tables
-- The tables of these services, with their primary keys and what they lean on.
select n.nspname as service, c.relname as name,
       coalesce((select array_agg(a.attname::text order by k.place)
                 from pg_index i
                 cross join lateral unnest(i.indkey) with ordinality as k (attribute, place)
                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attribute
                 where i.indrelid = c.oid and i.indisprimary), '{}') as key,
       coalesce((select array_agg(distinct f.relname::text)
                 from pg_constraint l join pg_class f on f.oid = l.confrelid
                 where l.conrelid = c.oid and l.contype = 'f'), '{}') as leans_on
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p') and not c.relispartition
order by 1, 2;

-- name: find_triggers_that_look_around
-- Triggers of these tables whose function reads a table of the service.
select t.tgname as name, c.relname as table, p.proname as function
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_proc p on p.oid = t.tgfoid
where n.nspname = $1 and c.relname = any ($2::text[]) and not t.tgisinternal and t.tgparentid = 0
  and (t.tgname like '%\_of\_earlier\_release' or exists (
      select from pg_class r
      where r.relnamespace = n.oid and r.relkind in ('r', 'p')
        and p.prosrc ~ ('(from|join|into|update)\s+' || r.relname || '\M')
  ))
order by 2, 1;

-- name: find_keys_of_all_accounts
-- Unique indexes of these tables without their account, and how they are with it.
select case when exists (select from pg_constraint k where k.conindid = x.indexrelid)
            then format('alter table %I.%I drop constraint %I', n.nspname, c.relname, i.relname)
            else format('drop index %I.%I', n.nspname, i.relname) end as dropped,
       regexp_replace(pg_get_indexdef(x.indexrelid), '\)( WHERE .*)?$', ', account_id)\1')
           as with_account
from pg_index x
join pg_class c on c.oid = x.indrelid
join pg_class i on i.oid = x.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = any ($2::text[]) and x.indisunique
  and not exists (
      select from pg_attribute a
      where a.attrelid = c.oid and a.attnum = any (x.indkey) and a.attname = 'account_id'
  )
order by c.relname, i.relname;

-- name: find_circles
-- Foreign keys of these tables to one that stands later in their order.
select c.relname as table, k.conname as name, pg_get_constraintdef(k.oid) as definition
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_class f on f.oid = k.confrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = any ($2::text[]) and k.contype = 'f' and k.conparentid = 0
  and array_position($3::text[], f.relname::text) > array_position($3::text[], c.relname::text)
order by 1, 2;
