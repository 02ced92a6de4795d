-- Use-priced products, which a prepaid user uses against a hold (domain 8); what is billed by reports
-- has no estimate before anything was reported.
alter table product_version add column use_priced boolean not null default false;
alter table product_version add column metered_skus text[] not null default '{}';

-- An order may wait until the wallet holds what its resources are estimated to cost.
alter table purchase_order drop constraint purchase_order_state_check;
alter table purchase_order add constraint purchase_order_state_check check (state in (
    'rejected', 'awaiting_payment', 'awaiting_hold', 'cancelled', 'provisioning',
    'completed', 'partially_completed', 'failed'));

-- The credit that the wallet was asked to hold for each resource of an order, and its answer. Once
-- the resource exists its hold is invoicing's; `released_at` is set where it never came to exist.
create table order_hold (
    account_id  text not null references account,
    resource_id text not null references resource,
    order_id    text not null,
    item_id     text not null,
    amount      bigint not null check (amount > 0),
    change_id   text not null unique,
    outcome     text check (outcome in ('held', 'declined')),
    asked_at    timestamptz not null,
    answered_at timestamptz,
    released_at timestamptz,
    recorded_at timestamptz not null default now(),
    primary key (account_id, resource_id),
    unique (resource_id),
    unique (order_id, item_id),
    foreign key (order_id, item_id) references order_item,
    check ((outcome is null) = (answered_at is null)),
    check (released_at is null or outcome = 'held')
) with (fillfactor = 70);

-- An answer stays as it was given, and so does what it was asked.
create function refuse_second_answer() returns trigger language plpgsql as $$
begin
    raise exception 'the hold of % is % already', old.resource_id, old.outcome
        using errcode = 'restrict_violation';
end $$;
create trigger order_hold_is_answered_once before update on order_hold for each row
    when (old.outcome is not null and new.outcome is distinct from old.outcome
          or old.released_at is not null and new.released_at is distinct from old.released_at
          or (new.account_id, new.resource_id, new.order_id, new.item_id, new.amount, new.change_id)
             is distinct from
             (old.account_id, old.resource_id, old.order_id, old.item_id, old.amount, old.change_id))
    execute function refuse_second_answer();
create trigger order_hold_is_kept before delete or truncate on order_hold
    for each statement execute function refuse_change();
