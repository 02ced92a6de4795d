-- Whom an invoice is made out to, as it was known when the invoice came: what is told later changes no
-- document, whatever time it is of. Empty: nothing was told of the account. Null: kept by a worker of
-- before, and looked up by the invoice's time.
alter table invoice add column made_out_to jsonb;
update invoice i set made_out_to = coalesce((
    select to_jsonb(d) from (
        select legal_name, address, country, tax_code from billing_details b
        where b.account_id = i.account_id
        order by at <= i.issued_at desc, case when at <= i.issued_at then at end desc, at, event_id desc
        limit 1
    ) d
), '{}');
