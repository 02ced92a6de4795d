-- Read tables keep what was told. Whether it adds up is a rule of those who own it, kept in their
-- schemas; a page that shows a wrong figure is of more use than a dead letter beside it.
alter table wallet drop constraint wallet_check;
alter table invoice drop constraint invoice_check;
