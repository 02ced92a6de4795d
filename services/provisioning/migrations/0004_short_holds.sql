-- What is used first, against a hold, is suspended while credit is short for that, and comes back
-- with it (domain 8): time does nothing to it meanwhile.
alter table resource drop constraint resource_suspended_by_check;
alter table resource add constraint resource_suspended_by_check
    check (suspended_by in
        ('trash_policy', 'grace_policy', 'deletion', 'poc_ended', 'hold_short'));
alter table resource drop constraint resource_check10;
alter table resource add constraint resource_suspension_ends check (
    state <> 'suspended' or (next_step is not null) = (suspended_by <> 'hold_short')
);
alter table resource add constraint resource_lacks_hold_while_used_first
    check (suspended_by is distinct from 'hold_short' or user_type = 'postpaid');
