-- The ticks that were said last: one row, which whoever says the next ones locks.
create table last_ticks (
    one    boolean primary key default true check (one),
    minute timestamptz not null check (minute = date_trunc('minute', minute)),
    day    date not null,
    month  text not null check (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$')
);

-- A tick is never taken back, so that a clock set back says none twice.
create function refuse_backwards() returns trigger language plpgsql as $$
begin
    raise exception 'ticks only go forward' using errcode = 'restrict_violation';
end $$;
create trigger last_ticks_go_forward before update on last_ticks for each row
    when (new.minute < old.minute or new.day < old.day or new.month < old.month)
    execute function refuse_backwards();
