-- Who had a dead letter concluded, and why; null where it was done without saying so.
alter table dead_letter
    add column concluded_by text,
    add column concluded_because text,
    add check (concluded_at is not null or num_nonnulls(concluded_by, concluded_because) = 0);
