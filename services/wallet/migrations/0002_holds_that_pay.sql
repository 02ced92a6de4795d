-- A hold may pay an invoice (domain 8): the change that took it is remembered with the amount that
-- it left.
alter table hold_change drop constraint hold_change_decision_check;
alter table hold_change add constraint hold_change_decision_check
    check (decision in ('held', 'released', 'declined', 'superseded', 'captured'));
create index hold_change_of_hold on hold_change (hold_id, at);
