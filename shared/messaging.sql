-- name: remember
-- Put ids in the inbox, sorted by whoever calls; those that come back are new.
insert into inbox (day, source, id)
select * from unnest($1::date[], $2::text[], $3::text[])
on conflict do nothing
returning source, id;

-- name: forget
-- Take ids out of the inbox again: their messages were put off, not handled.
delete from inbox i
using unnest($1::date[], $2::text[], $3::text[]) as t (day, source, id)
where i.day = any($1) and i.day = t.day and i.source = t.source and i.id = t.id;

-- name: find_remembered
-- Those of these ids that are in the inbox.
select i.source, i.id
from inbox i
join unnest($1::date[], $2::text[], $3::text[]) as t (day, source, id) using (day, source, id)
where i.day = any($1);

-- name: find_days
-- Those of these days that the inbox knows, and whether they are forgotten.
select day, forgotten_at is not null as forgotten from inbox_day where day = any($1::date[]);

-- name: is_there_room
-- Whether a day may have a partition: absurd times must not take the room of those around today.
select $1::date between current_date - 366 and current_date + 366
    or (select count(*) from inbox_day where forgotten_at is null) < $2::bigint;

-- name: add_day
-- Note that a day is about to have a partition.
insert into inbox_day (day) values ($1) on conflict do nothing returning day;

-- name: open_day
-- Make the partition of a day.
select open_inbox_day($1);

-- name: find_past_days
-- Days that were opened, and that passed, more than a number of days ago.
select day from inbox_day
where forgotten_at is null
  and opened_at < now() - make_interval(days => $1)
  and day < current_date - $1::integer
order by day;

-- name: forget_day
-- Leave a mark that a day's messages are no longer known.
update inbox_day set forgotten_at = now() where day = $1 and forgotten_at is null returning day;

-- name: drop_day
-- Drop the partition of a day.
select drop_inbox_day($1);

-- name: reopen_day
-- Let an operator replay a message of a forgotten day.
delete from inbox_day where day = $1 and forgotten_at is not null;

-- name: lock_try
-- Let nobody else try a message that may kill its worker, until this transaction ends.
select pg_advisory_xact_lock(hashtextextended(concat_ws(' ', current_schema(), $1::text, $2::text), 0));

-- name: suspect
-- Note that messages which came back after a crash are being tried; how often each was.
insert into suspect (source, id, last_try)
select source, id, $3 from unnest($1::text[], $2::text[]) as t (source, id)
on conflict (source, id) do update
set tries = suspect.tries + (suspect.last_try <> excluded.last_try)::integer,
    last_try = excluded.last_try
returning source, id, tries;

-- name: find_suspects
-- Those of these messages that were tried before and never answered.
select s.source, s.id
from suspect s
join unnest($1::text[], $2::text[]) as t (source, id) using (source, id);

-- name: clear_suspects
-- They did not crash this worker.
delete from suspect s
using unnest($1::text[], $2::text[]) as t (source, id)
where s.source = t.source and s.id = t.id;

-- name: append_outbox
-- Say messages: those to be published at once are leased to the worker that says them.
insert into outbox (exchange, routing_key, message_id, type, correlation_id, attempt, must_arrive,
                    body, due_at)
select exchange, routing_key, message_id, type, correlation_id, attempt, must_arrive, body,
       clock_timestamp() + make_interval(secs => due_in_s)
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[],
            $7::boolean[], $8::bytea[], $9::float8[]) with ordinality
    as t (exchange, routing_key, message_id, type, correlation_id, attempt, must_arrive, body,
          due_in_s, ordinal)
order by ordinal
returning row_id, message_id;

-- name: append_put_off
-- Put messages off, sorted by whoever calls; one of which a copy already waits is put off with it.
-- Its row has another number from then on: a relay that had published the copy already, and is about
-- to delete its row, does not delete what has been put off since.
insert into outbox (exchange, routing_key, message_id, type, correlation_id, attempt, must_arrive,
                    body, due_at, reason)
select exchange, routing_key, message_id, type, correlation_id, attempt, must_arrive, body,
       clock_timestamp() + make_interval(secs => due_in_s), reason
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[],
            $7::boolean[], $8::bytea[], $9::float8[], $10::text[]) with ordinality
    as t (exchange, routing_key, message_id, type, correlation_id, attempt, must_arrive, body,
          due_in_s, reason, ordinal)
order by ordinal
on conflict (message_id, attempt, md5(body)) where attempt > 0 do update
set row_id = default, due_at = excluded.due_at, failures = 0, reason = excluded.reason;

-- name: claim_outbox
-- Lease what is due to this relay; what another relay is just claiming is passed over.
update outbox
set due_at = clock_timestamp() + make_interval(secs => $1)
where row_id in (
    select row_id from outbox where due_at <= clock_timestamp()
    order by due_at limit $2 for update skip locked
)
returning row_id, exchange, routing_key, message_id, type, correlation_id, attempt, must_arrive,
          body, failures;

-- name: delete_outbox
-- The broker has these.
delete from outbox where row_id = any($1::bigint[]);

-- name: postpone_outbox
-- The broker could not take these; they are tried again later.
update outbox o
set due_at = clock_timestamp() + make_interval(secs => t.due_in_s), failures = o.failures + 1
from unnest($1::bigint[], $2::float8[]) as t (row_id, due_in_s)
where o.row_id = t.row_id;

-- name: append_dead_letters
-- Put messages away for an operator; one that lies there already is not put there twice.
insert into dead_letter (source, message_id, type, reason, detail, attempt, body, properties)
select source, message_id, type, reason, detail, attempt, body, properties
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[],
            $7::bytea[], $8::jsonb[])
    as t (source, message_id, type, reason, detail, attempt, body, properties)
on conflict (source, message_id)
    where concluded_at is null and message_id is not null and source is not null
    do nothing
returning number, died_at, type, source, message_id, reason, detail, body;

-- name: list_dead_letters
-- The waiting dead letters, oldest first, a page at a time.
select number, type, source, message_id, reason, detail, attempt, died_at
from dead_letter
where concluded_at is null and number > $1
  and ($2::text is null or reason = $2) and ($3::text is null or type = $3)
order by number
limit $4;

-- name: get_dead_letter
-- One dead letter with all that is known of it.
select number, type, source, message_id, reason, detail, attempt, died_at, body, properties,
       concluded_at, conclusion, concluded_by, concluded_because
from dead_letter where number = $1;

-- name: lock_dead_letters
-- The waiting ones of these dead letters.
select number, type, source, message_id, reason, attempt, body, died_at, now() as concluded_at
from dead_letter
where number = any($1::bigint[]) and concluded_at is null
order by number
for update;

-- name: conclude_dead_letters
-- Note what an operator did with them, who it was, and why.
update dead_letter
set concluded_at = now(), conclusion = $2, concluded_by = $3, concluded_because = $4
where number = any($1::bigint[]) and concluded_at is null;

-- name: get_service
-- Whose schema this is.
select current_schema();

-- name: measure
-- What lies in the outbox and among the dead letters, and for how many seconds the oldest is late.
select (select count(*) from outbox) as outbox,
       (select coalesce(extract(epoch from max(clock_timestamp() - due_at)), 0)::float8
        from outbox where due_at < clock_timestamp()) as late_s,
       (select count(*) from dead_letter where concluded_at is null) as dead_letters;

-- name: look
-- What a service has yet to say, and what it handled and said since its statistics began.
select count(*) filter (where exchange <> $1) as to_say,
       count(*) filter (where exchange = $1) as put_off,
       coalesce(extract(epoch from max(clock_timestamp() - due_at)), 0)::float8 as late_s,
       (select count(*) from dead_letter where concluded_at is null) as dead_letters,
       (select coalesce(sum(n_tup_ins - n_tup_del), 0)::bigint from pg_stat_user_tables
        where schemaname = current_schema() and relname ~ '^inbox_[0-9]') as handled,
       (select coalesce(sum(n_tup_ins), 0)::bigint from pg_stat_user_tables
        where schemaname = current_schema() and relname = 'outbox') as said
from outbox;

-- name: show_put_off
-- What a service will try again of one order or run, when, and why not now, for people.
select type, message_id, attempt, due_at as again_at, reason
from outbox
where exchange = $1 and correlation_id = $2
order by due_at, row_id
limit $3;
