-- A proof of concept is paid from the POC wallet while it runs; once it has ended it lies in the trash
-- until it is paid by other means (domain 9).
alter table resource
    add column poc text check (poc in ('running', 'ended')),
    drop constraint resource_suspended_by_check,
    add constraint resource_suspended_by_check
        check (suspended_by in ('trash_policy', 'grace_policy', 'deletion', 'poc_ended')),
    add constraint resource_poc_is_prepaid check (poc is null or user_type = 'prepaid'),
    add constraint resource_poc_runs
        check (poc is distinct from 'running' or state in ('new', 'failed', 'active', 'stopped')),
    add constraint resource_poc_has_ended
        check (poc is distinct from 'ended' or state in ('suspended', 'deleted')),
    add constraint resource_poc_in_trash
        check (suspended_by is distinct from 'poc_ended' or poc is not distinct from 'ended');

-- What has ended is not paid from the POC wallet again; only a renewal that was paid before its end,
-- and that the end has overtaken, still counts, and that moves the end.
create function refuse_poc_again() returns trigger language plpgsql as $$
begin
    raise exception 'resource % is no proof of concept any more', old.resource_id
        using errcode = 'restrict_violation';
end $$;
create trigger resource_poc_ends_once before update on resource for each row
    when (new.poc = 'running' and old.poc is distinct from 'running'
          and (old.poc is null or new.ends_at <= old.ends_at))
    execute function refuse_poc_again();

alter table request
    drop constraint request_action_check,
    add constraint request_action_check check (action in
        ('create', 'resize', 'renew', 'recover', 'delete', 'stop', 'start', 'reboot', 'stop_poc'));
