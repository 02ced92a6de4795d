-- What is paid by use has no term to order (domain 8); what is a proof of concept ends with its
-- wallet (domain 9).
alter table product add column use_priced boolean not null default false;
alter table resource add column poc text;
