-- A product team may delete a resource after its time limit, when the item has failed and cost nothing:
-- what was not used of the term is given back all the same (domain 6). What failed otherwise gives back
-- what was paid for it, as before; the rows of before keep these rules.
alter table refund drop constraint refund_check, drop constraint refund_check1;
alter table refund
    add constraint refund_of_a_failure_is_its_price
        check (reason <> 'provisioning_failed' or (outcome = 'failed' and amount = item_amount)) not valid,
    add constraint refund_of_a_failed_item
        check (outcome = 'done' or reason = 'provisioning_failed' or (reason = 'deleted' and item_amount = 0))
        not valid;
