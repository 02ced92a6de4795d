-- Every table of accounts is led by account_id, so that Postgres can be spread by it (Citus): primary
-- keys begin with it, other unique keys and foreign keys contain it. Ids and numbers that are given
-- once for all accounts are guarded by an index of their own, `..._is_unique`. Other unique keys begin
-- with the ids, which stand for their account already, so that rows are found by these alone too.
lock table account, resource, usage_segment, adjustment, invoice, invoice_line, invoice_state,
    invoice_collection, invoice_payment, credit_note, credit_hold, usage_report, usage_report_key,
    waiting_report in access exclusive mode;

alter table invoice_line add column account_id text collate "C";
alter table usage_report_key add column account_id text collate "C";
alter table waiting_report alter column account_id type text collate "C";

-- What is only ever added to gains its account this once.
alter table invoice_line disable trigger invoice_line_is_append_only;
alter table usage_report_key disable trigger usage_report_key_stays;
update invoice_line l set account_id = i.account_id from invoice i where i.invoice_id = l.invoice_id;
update usage_report_key k set account_id = r.account_id
from resource r where r.resource_id = k.resource_id;
alter table invoice_line enable trigger invoice_line_is_append_only;
alter table usage_report_key enable trigger usage_report_key_stays;

-- Foreign keys, and the keys that they lean on, are made anew below.
alter table usage_segment
    drop constraint usage_segment_resource_id_fkey,
    drop constraint usage_segment_resource_id_tstzrange_excl;
alter table adjustment drop constraint adjustment_resource_id_fkey;
alter table credit_hold drop constraint credit_hold_resource_id_fkey;
alter table invoice_collection drop constraint invoice_collection_invoice_id_fkey;
alter table invoice_payment drop constraint invoice_payment_invoice_id_fkey;
alter table credit_note drop constraint credit_note_invoice_id_fkey;

alter table resource
    drop constraint resource_pkey,
    add primary key (account_id, resource_id);
create unique index resource_id_is_unique on resource (resource_id);

alter table usage_segment
    add foreign key (account_id, resource_id) references resource,
    add constraint usage_segment_tiles exclude using gist
        (resource_id with =, account_id with =, tstzrange(started_at, ended_at) with &&);
drop index usage_segment_open;
create unique index usage_segment_open on usage_segment (resource_id, account_id)
    where ended_at is null;

alter table adjustment add foreign key (account_id, resource_id) references resource;

-- An invoice's primary key is what an account's invoices are listed by: a month's run writes many of
-- them, and each further index costs it.
alter table invoice
    drop constraint invoice_pkey,
    drop constraint invoice_series_number_key,
    add primary key (account_id, issued_at, invoice_id);
drop index invoice_of_account;
create unique index invoice_id_is_unique on invoice (invoice_id);
create unique index invoice_number_is_unique on invoice (series, number);
drop index invoice_of_item;
create unique index invoice_of_item on invoice (order_id, item_id, account_id)
    where kind = 'prepaid';
drop index invoice_of_month;
create unique index invoice_of_month on invoice (account_id, resource_id, period)
    where kind = 'usage';
drop index invoice_of_switch;
create unique index invoice_of_switch on invoice (resource_id, period_to, account_id)
    where kind = 'final';

alter table invoice_line
    drop constraint invoice_line_pkey,
    add primary key (account_id, invoice_id, position);

alter table invoice_state
    drop constraint invoice_state_pkey,
    add primary key (account_id, invoice_id);

alter table invoice_collection
    drop constraint invoice_collection_pkey,
    add primary key (account_id, payment_id),
    add foreign key (account_id, invoice_id) references invoice_state;
create unique index invoice_collection_id_is_unique on invoice_collection (payment_id);

alter table invoice_payment
    drop constraint invoice_payment_pkey,
    add primary key (account_id, payment_id),
    add foreign key (account_id, invoice_id) references invoice_state;
create unique index invoice_payment_id_is_unique on invoice_payment (payment_id);
drop index invoice_payment_chain;
create unique index invoice_payment_chain on invoice_payment (invoice_id, paid_before, account_id)
    where amount > 0;

alter table credit_note
    drop constraint credit_note_pkey,
    drop constraint credit_note_refund_id_key,
    drop constraint credit_note_invoice_id_position_key,
    drop constraint credit_note_invoice_id_credited_before_key,
    add primary key (account_id, credit_note_id),
    add unique (invoice_id, position, account_id),
    add unique (invoice_id, credited_before, account_id),
    add foreign key (account_id, invoice_id) references invoice_state;
create unique index credit_note_id_is_unique on credit_note (credit_note_id);
create unique index credit_note_refund_id_is_unique on credit_note (refund_id);

alter table credit_hold
    drop constraint credit_hold_resource_id_key,
    drop constraint credit_hold_payment_id_key,
    add unique (resource_id, account_id),
    add foreign key (account_id, resource_id) references resource;
create unique index credit_hold_payment_id_is_unique on credit_hold (payment_id);

drop index usage_report_of_account;
alter table usage_report add primary key (account_id, resource_id, report_id, month);

alter table usage_report_key
    drop constraint usage_report_key_pkey,
    add primary key (account_id, resource_id, report_id);

alter table waiting_report
    drop constraint waiting_report_pkey,
    add primary key (account_id, resource_id, report_id, meter, quantity, used_from, used_to);
create index waiting_report_of_resource on waiting_report (resource_id);

-- What these look up is of the same account as what is added. The series of invoice numbers are of
-- no account, and looked up by themselves.
create or replace function refuse_invoices_of_nothing() returns trigger language plpgsql
set enable_seqscan = off as $$
begin
    if exists (
        select from added i left join resource r using (account_id, resource_id)
        where r.resource_id is null
    ) then
        raise exception 'an invoice is of no known resource of its account'
            using errcode = 'foreign_key_violation';
    end if;
    return null;
end $$;
create function refuse_numbers_of_nothing() returns trigger language plpgsql
set enable_seqscan = off as $$
begin
    if exists (
        select from (select distinct series from added) i left join invoice_series s using (series)
        where s.series is null
    ) then
        raise exception 'an invoice is of no known series' using errcode = 'foreign_key_violation';
    end if;
    return null;
end $$;
create trigger invoice_is_of_a_series after insert on invoice
    referencing new table as added
    for each statement execute function refuse_numbers_of_nothing();

create or replace function refuse_lines_that_do_not_add_up() returns trigger language plpgsql
set enable_seqscan = off as $$
begin
    if exists (
        select from (
            select account_id, invoice_id,
                   sum(amount + case when vat_included then 0 else vat end) as gross
            from added group by account_id, invoice_id
        ) line
        left join invoice i using (account_id, invoice_id)
        where i.invoice_id is null or line.gross - i.discount <> i.gross
    ) then
        raise exception 'an invoice is not the sum of its lines' using errcode = 'check_violation';
    end if;
    return null;
end $$;

create or replace function refuse_another_total() returns trigger language plpgsql
set enable_seqscan = off as $$
begin
    if exists (
        select from added s left join invoice i using (account_id, invoice_id)
        where (s.gross, s.issued_at) is distinct from (i.gross, i.issued_at)
    ) then
        raise exception 'the state of an invoice disagrees with it' using errcode = 'check_violation';
    end if;
    return null;
end $$;

create or replace function refuse_invoice_of_poc() returns trigger language plpgsql as $$
begin
    if exists (select from resource r
               where r.account_id = new.account_id and r.resource_id = new.resource_id
                 and r.poc = 'running') then
        raise exception 'resource % is a proof of concept: it has no invoices', new.resource_id
            using errcode = 'restrict_violation';
    end if;
    return null;
end $$;

-- Workers of earlier releases say no account where it is new. That of a report's key is filled in; with
-- an invoice's lines they stop, as for a lock that they can't have, and try again until they are
-- replaced: their invoices are written after their lines, so that nothing names the account yet.
create function fill_account_of_resource() returns trigger language plpgsql as $$
begin
    select r.account_id into new.account_id from resource r where r.resource_id = new.resource_id;
    return new;
end $$;
create trigger usage_report_key_of_earlier_release before insert on usage_report_key
    for each row when (new.account_id is null) execute function fill_account_of_resource();
create function wait_for_this_release() returns trigger language plpgsql as $$
begin
    raise exception 'lines of invoices are written by workers of a later release'
        using errcode = 'lock_not_available';
end $$;
create trigger invoice_line_of_earlier_release before insert on invoice_line
    for each row when (new.account_id is null) execute function wait_for_this_release();
