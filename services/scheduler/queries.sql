-- name: begin_ticks
-- Where the very first scheduler begins; a later one goes on from what was said last.
insert into last_ticks (minute, day, month) values ($1, $2, $3) on conflict do nothing;

-- name: lock_last_ticks
-- What was said last, locked: of several schedulers one says what is due, the others find it said.
select minute, day, month from last_ticks for update;

-- name: save_last_ticks
-- What is said last, now.
update last_ticks set minute = $1, day = $2, month = $3;
