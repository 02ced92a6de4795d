-- A credit note of a prepaid invoice is kept here before it is issued: billing alone says what is left of
-- the money that went in for a resource (domain 6). Until then it belongs to the chain of its request.
alter table credit_note add column correlation_id text;
