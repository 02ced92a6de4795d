-- A resource that became prepaid has one final invoice of its use until then, whatever the invoices
-- are named by.
create unique index invoice_of_switch on invoice (resource_id, period_to) where kind = 'final';
