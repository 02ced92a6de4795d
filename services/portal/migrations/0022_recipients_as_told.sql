-- As in 0021: when somebody was asked and agreed is kept as it was told.
alter table notice_recipient drop constraint notice_recipient_check;
alter table notice_recipient drop constraint notice_recipient_check1;
