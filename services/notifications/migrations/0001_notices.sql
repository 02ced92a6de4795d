-- Whom to write to, and how. What an account does not want to hear of is in `muted`.
create table account (
    account_id     text primary key,
    email          text not null,
    name           text not null,
    currency       text not null,
    language       text check (language in ('en', 'vi')),
    time_zone      text,
    muted          text[] not null default '{}'
                   check (muted <@ array['account', 'resources', 'renewals_and_bills', 'payments']),
    preferences_at timestamptz,
    registered_at  timestamptz not null
);

-- Addresses that get copies, once they have agreed by the link with their token. An address that
-- is removed and added again agrees again.
create table recipient (
    account_id   text not null references account,
    email        text not null,
    token        text not null unique,
    asked_at     timestamptz not null,
    expires_at   timestamptz not null,
    confirmed_at timestamptz,
    primary key (account_id, email),
    check (expires_at > asked_at),
    check (confirmed_at >= asked_at and confirmed_at < expires_at)
);

-- Notices that were asked for, and of the message that asked for each, what is to be carried along
-- by what is said of it. `email` is set where one goes to somebody else than the account.
create table notice (
    notice_id      text primary key,
    account_id     text not null references account,
    template       text not null,
    facts          jsonb not null,
    email          text,
    asked_at       timestamptz not null,
    cause_source   text not null,
    cause_id       text not null,
    cause_type     text not null,
    correlation_id text,
    traceparent    text,
    recorded_at    timestamptz not null default now()
);
create index notice_of_account on notice (account_id, asked_at);

-- Notices that are to be sent, outside of any transaction: a queue, in real time. Whoever claims one
-- has it until its `due_at`; then any worker may send it, under the same Message-ID.
create table errand (
    notice_id text primary key references notice,
    due_at    timestamptz not null default clock_timestamp(),
    failures  integer not null default 0 check (failures >= 0),
    trouble   text
) with (fillfactor = 70);
create index errand_due on errand (due_at);

-- How notices ended: each once.
create table notice_outcome (
    notice_id   text primary key references notice,
    outcome     text not null check (outcome in ('sent', 'muted', 'failed')),
    subject     text,
    accepted    text[] not null default '{}',
    reason      text,
    recorded_at timestamptz not null default now(),
    check ((outcome = 'sent') = (cardinality(accepted) > 0)),
    check ((outcome = 'sent') = (subject is not null)),
    check (outcome <> 'failed' or reason is not null)
);

-- Nothing is ever updated away (domain 11.6).
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger notice_is_append_only before update or delete or truncate on notice
    for each statement execute function refuse_change();
create trigger notice_outcome_is_append_only before update or delete or truncate on notice_outcome
    for each statement execute function refuse_change();

-- A notice waits to be sent, or it has ended: never both, and never neither.
create function waits_or_has_ended() returns trigger language plpgsql as $$
declare
    named text := coalesce(new.notice_id, old.notice_id);
begin
    if exists (select from errand where notice_id = named)
       = exists (select from notice_outcome where notice_id = named) then
        raise exception 'notice % must either wait or have ended', named
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
create constraint trigger notice_waits_or_has_ended after insert on notice
    deferrable initially deferred for each row execute function waits_or_has_ended();
create constraint trigger errand_or_outcome after insert or delete on errand
    deferrable initially deferred for each row execute function waits_or_has_ended();
create constraint trigger outcome_or_errand after insert on notice_outcome
    deferrable initially deferred for each row execute function waits_or_has_ended();
