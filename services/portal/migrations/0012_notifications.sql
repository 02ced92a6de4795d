-- What accounts want to be told, and in which language. The latest wish counts for each of both:
-- `set_at` and `language_at` are their business times.
create table notice_preferences (
    account_id  text primary key,
    muted       text[] not null default '{}',
    recipients  text[] not null default '{}',
    set_at      timestamptz,
    language    text check (language in ('en', 'vi')),
    language_at timestamptz,
    check ((language is null) = (language_at is null))
);

-- Addresses that were asked to agree to copies, each time anew when they were added anew.
create table notice_recipient (
    account_id  text not null,
    email       text not null,
    asked_at    timestamptz not null,
    valid_until timestamptz,
    agreed_at   timestamptz,
    primary key (account_id, email, asked_at),
    check (valid_until > asked_at),
    check (agreed_at >= asked_at)
);

-- How notices ended. `event_id` is the message that asked for it.
create table notice_end (
    account_id text not null,
    notice_id  text not null,
    event_id   text,
    outcome    text not null check (outcome in ('sent', 'failed')),
    at         timestamptz not null,
    primary key (account_id, notice_id)
);
create index notice_end_of_notice on notice_end (account_id, event_id);
