-- Notices and how they ended are kept for a time and then forgotten, oldest first, by this alone: whoever
-- asks for it under another name than the owner's is refused as before.
drop trigger notice_is_append_only on notice;
create trigger notice_is_append_only before update or truncate on notice
    for each statement execute function refuse_change();
create trigger notice_is_kept before delete on notice
    for each statement when (current_user <> 'cloudtill_notifications_owner')
    execute function refuse_change();
drop trigger notice_outcome_is_append_only on notice_outcome;
create trigger notice_outcome_is_append_only before update or truncate on notice_outcome
    for each statement execute function refuse_change();
create trigger notice_outcome_is_kept before delete on notice_outcome
    for each statement when (current_user <> 'cloudtill_notifications_owner')
    execute function refuse_change();
create index notice_outcome_recorded on notice_outcome (recorded_at);

-- Forget at most so many of the notices that ended more than so many days ago; returns how many.
create function forget_notices(days integer, at_most integer) returns integer
language plpgsql security definer set search_path from current as $$
declare
    forgotten text[];
begin
    select array_agg(old.notice_id) into forgotten from (
        select notice_id from notice_outcome where recorded_at < now() - make_interval(days => days)
        order by recorded_at limit at_most for update skip locked
    ) old;
    delete from notice_outcome where notice_id = any (forgotten);
    delete from notice where notice_id = any (forgotten);
    return coalesce(cardinality(forgotten), 0);
end $$;
