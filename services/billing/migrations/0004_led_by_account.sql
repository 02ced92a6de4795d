-- Every table of accounts is led by account_id, so that Postgres can be spread by it (Citus): primary
-- keys begin with it, other unique keys and foreign keys contain it. Ids that are minted once for
-- all accounts are guarded by an index of their own, `..._id_is_unique`. Other unique keys begin with
-- the ids, which stand for their account already, so that rows are found by these alone too.
--
-- Workers of earlier releases say no account where it is new: it is filled in for them.
lock table account, purchase_order, order_item, item_outcome, coupon_use, payment, payment_outcome,
    recorded_payment, charge, gateway_request, gateway_receipt, refund, resource, renewal_attempt,
    term_piece, order_hold, poc_grant in access exclusive mode;

alter table order_item add column account_id text;
alter table item_outcome add column account_id text;
alter table coupon_use add column account_id text;
alter table term_piece add column account_id text;
alter table payment_outcome add column account_id text;
alter table charge add column account_id text;
alter table gateway_request add column account_id text;
alter table gateway_receipt add column account_id text;

-- What is only ever added to gains its account this once.
alter table order_item disable trigger order_item_is_append_only;
alter table item_outcome disable trigger item_outcome_is_append_only;
alter table payment_outcome disable trigger payment_outcome_is_append_only;
alter table gateway_receipt disable trigger gateway_receipt_is_append_only;
update order_item t set account_id = o.account_id from purchase_order o where o.order_id = t.order_id;
update item_outcome t set account_id = o.account_id from purchase_order o where o.order_id = t.order_id;
update coupon_use t set account_id = o.account_id from purchase_order o where o.order_id = t.order_id;
update term_piece t set account_id = o.account_id from purchase_order o where o.order_id = t.order_id;
update payment_outcome t set account_id = p.account_id from payment p where p.payment_id = t.payment_id;
update charge t set account_id = p.account_id from payment p where p.payment_id = t.payment_id;
update gateway_request t set account_id = p.account_id from payment p where p.payment_id = t.payment_id;
update gateway_receipt t set account_id = p.account_id from payment p where p.payment_id = t.payment_id;
alter table order_item enable trigger order_item_is_append_only;
alter table item_outcome enable trigger item_outcome_is_append_only;
alter table payment_outcome enable trigger payment_outcome_is_append_only;
alter table gateway_receipt enable trigger gateway_receipt_is_append_only;

-- Foreign keys, and the keys that they lean on, are made anew below.
alter table order_item drop constraint order_item_order_id_fkey;
alter table item_outcome drop constraint item_outcome_order_id_item_id_fkey;
alter table coupon_use drop constraint coupon_use_order_id_fkey;
alter table payment drop constraint payment_order_id_fkey;
alter table payment_outcome
    drop constraint payment_outcome_payment_id_fkey,
    drop constraint payment_outcome_payment_id_asked_fkey;
alter table charge drop constraint charge_payment_id_fkey;
alter table gateway_request drop constraint gateway_request_payment_id_fkey;
alter table gateway_receipt drop constraint gateway_receipt_payment_id_fkey;
alter table refund
    drop constraint refund_payment_id_fkey,
    drop constraint refund_order_id_item_id_outcome_fkey,
    drop constraint refund_order_id_item_id_item_amount_fkey;
alter table resource drop constraint resource_busy_with_fkey;
alter table renewal_attempt drop constraint renewal_attempt_resource_id_fkey;
alter table term_piece
    drop constraint term_piece_resource_id_fkey,
    drop constraint term_piece_order_id_item_id_fkey;
alter table order_hold
    drop constraint order_hold_resource_id_fkey,
    drop constraint order_hold_order_id_item_id_fkey;

alter table purchase_order
    drop constraint purchase_order_pkey,
    add primary key (account_id, order_id);
create unique index purchase_order_id_is_unique on purchase_order (order_id);

alter table order_item
    drop constraint order_item_pkey,
    drop constraint order_item_order_id_item_id_amount_key,
    add primary key (account_id, order_id, item_id),
    add unique (order_id, item_id, amount, account_id),
    add foreign key (account_id, order_id) references purchase_order;

alter table item_outcome
    drop constraint item_outcome_pkey,
    drop constraint item_outcome_order_id_item_id_outcome_key,
    add primary key (account_id, order_id, item_id),
    add unique (order_id, item_id, outcome, account_id),
    add foreign key (account_id, order_id, item_id) references order_item;

alter table coupon_use
    drop constraint coupon_use_pkey,
    add primary key (account_id, order_id, code),
    add foreign key (account_id, order_id) references purchase_order;

alter table payment
    drop constraint payment_pkey,
    drop constraint payment_order_id_key,
    drop constraint payment_payment_id_amount_key,
    add primary key (account_id, payment_id),
    add unique (order_id, account_id),
    add unique (payment_id, amount, account_id),
    add foreign key (account_id, order_id) references purchase_order;
create unique index payment_id_is_unique on payment (payment_id);

alter table payment_outcome
    drop constraint payment_outcome_pkey,
    add primary key (account_id, payment_id),
    add foreign key (payment_id, asked, account_id)
        references payment (payment_id, amount, account_id);

alter table recorded_payment
    drop constraint recorded_payment_pkey,
    add primary key (account_id, payment_id);
create unique index recorded_payment_id_is_unique on recorded_payment (payment_id);

alter table charge
    drop constraint charge_pkey,
    add primary key (account_id, charge_id),
    add foreign key (account_id, payment_id) references payment;
create unique index charge_id_is_unique on charge (charge_id);

alter table gateway_request
    drop constraint gateway_request_pkey,
    add primary key (account_id, payment_id),
    add foreign key (account_id, payment_id) references payment;

alter table gateway_receipt
    drop constraint gateway_receipt_pkey,
    drop constraint gateway_receipt_top_up_id_key,
    add primary key (account_id, gateway, gateway_reference),
    add foreign key (account_id, payment_id) references payment;
create unique index gateway_receipt_id_is_unique on gateway_receipt (gateway, gateway_reference);
create unique index gateway_receipt_top_up_id_is_unique on gateway_receipt (top_up_id);
drop index gateway_receipt_pays_once;
create unique index gateway_receipt_pays_once on gateway_receipt (payment_id, account_id)
    where became = 'payment';

alter table refund
    drop constraint refund_pkey,
    drop constraint refund_order_id_item_id_key,
    add primary key (account_id, refund_id),
    add unique (order_id, item_id, account_id),
    add foreign key (account_id, payment_id) references payment,
    add foreign key (order_id, item_id, outcome, account_id)
        references item_outcome (order_id, item_id, outcome, account_id),
    add foreign key (order_id, item_id, item_amount, account_id)
        references order_item (order_id, item_id, amount, account_id);
create unique index refund_id_is_unique on refund (refund_id);

alter table resource
    drop constraint resource_pkey,
    add primary key (account_id, resource_id),
    add foreign key (account_id, busy_with) references purchase_order;
drop index resource_of_account;
create unique index resource_id_is_unique on resource (resource_id);

alter table renewal_attempt
    drop constraint renewal_attempt_pkey,
    drop constraint renewal_attempt_order_id_key,
    add primary key (account_id, resource_id, ends_at, at),
    add foreign key (account_id, resource_id) references resource;
create unique index renewal_attempt_order_id_is_unique on renewal_attempt (order_id);

alter table term_piece
    drop constraint term_piece_pkey,
    add primary key (account_id, order_id, item_id),
    add foreign key (account_id, resource_id) references resource,
    add foreign key (account_id, order_id, item_id) references order_item;

alter table order_hold
    drop constraint order_hold_resource_id_key,
    drop constraint order_hold_change_id_key,
    drop constraint order_hold_order_id_item_id_key,
    add unique (resource_id, account_id),
    add unique (order_id, item_id, account_id),
    add foreign key (account_id, resource_id) references resource,
    add foreign key (account_id, order_id, item_id) references order_item;
create unique index order_hold_change_id_is_unique on order_hold (change_id);

alter table poc_grant
    drop constraint poc_grant_pkey,
    add primary key (account_id, grant_id);
create unique index poc_grant_id_is_unique on poc_grant (grant_id);

-- For workers of earlier releases, until none is left.
create function fill_account_of_order() returns trigger language plpgsql as $$
begin
    select o.account_id into new.account_id from purchase_order o where o.order_id = new.order_id;
    return new;
end $$;
create function fill_account_of_payment() returns trigger language plpgsql as $$
begin
    select p.account_id into new.account_id from payment p where p.payment_id = new.payment_id;
    return new;
end $$;
create trigger order_item_of_earlier_release before insert on order_item
    for each row when (new.account_id is null) execute function fill_account_of_order();
create trigger item_outcome_of_earlier_release before insert on item_outcome
    for each row when (new.account_id is null) execute function fill_account_of_order();
create trigger coupon_use_of_earlier_release before insert on coupon_use
    for each row when (new.account_id is null) execute function fill_account_of_order();
create trigger term_piece_of_earlier_release before insert on term_piece
    for each row when (new.account_id is null) execute function fill_account_of_order();
create trigger payment_outcome_of_earlier_release before insert on payment_outcome
    for each row when (new.account_id is null) execute function fill_account_of_payment();
create trigger charge_of_earlier_release before insert on charge
    for each row when (new.account_id is null) execute function fill_account_of_payment();
create trigger gateway_request_of_earlier_release before insert on gateway_request
    for each row when (new.account_id is null) execute function fill_account_of_payment();
create trigger gateway_receipt_of_earlier_release before insert on gateway_receipt
    for each row when (new.account_id is null) execute function fill_account_of_payment();
