-- Every table of accounts is led by account_id, so that Postgres can be spread by it (Citus): primary
-- keys begin with it, other unique keys and foreign keys contain it. Ids that are minted once for all
-- accounts are guarded by an index of their own, `..._id_is_unique`. Other unique keys begin with the
-- ids, which stand for their account already, so that rows are found by these alone too.
lock table resource, request in access exclusive mode;

alter table resource drop constraint resource_open_request_is_a_request;
alter table request drop constraint request_resource_id_fkey;

alter table resource
    drop constraint resource_pkey,
    add primary key (account_id, resource_id);
drop index resource_of_account;
create unique index resource_id_is_unique on resource (resource_id);

-- What an account asks of another's resource is kept as not possible, in its own name: `asked_of` is
-- then null, and else the resource.
alter table request
    drop constraint request_pkey,
    drop constraint request_order_id_item_id_key,
    add primary key (account_id, request_id),
    add unique (order_id, item_id, account_id),
    add column asked_of text generated always as (
        case when outcome is distinct from 'not_possible' then resource_id end
    ) stored,
    add foreign key (account_id, asked_of) references resource;
create unique index request_id_is_unique on request (request_id);
drop index request_one_open_a_resource;
create unique index request_one_open_a_resource on request (resource_id, account_id)
    where outcome is null and order_id is not null;

alter table resource add constraint resource_open_request_is_a_request
    foreign key (account_id, open_request) references request deferrable initially deferred;
