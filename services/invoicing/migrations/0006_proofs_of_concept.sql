-- A proof of concept is paid from the POC wallet, and has no invoices while it runs (domain 9).
alter table resource add column poc text check (poc in ('running', 'ended'));

create function refuse_invoice_of_poc() returns trigger language plpgsql as $$
begin
    if exists (select from resource r
               where r.resource_id = new.resource_id and r.poc = 'running') then
        raise exception 'resource % is a proof of concept: it has no invoices', new.resource_id
            using errcode = 'restrict_violation';
    end if;
    return null;
end $$;
create trigger invoice_is_not_of_a_poc after insert on invoice
    for each row when (new.kind = 'prepaid') execute function refuse_invoice_of_poc();
