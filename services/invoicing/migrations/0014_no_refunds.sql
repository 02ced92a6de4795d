-- What billing gave back for a resource is known to billing alone, which reserves what a credit note of a
-- prepaid invoice gives back before it is issued (domain 6).
drop table resource_refund;
