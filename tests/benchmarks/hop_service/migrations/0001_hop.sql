create table hop (
    top_up_id text primary key,
    amount    bigint not null
);
