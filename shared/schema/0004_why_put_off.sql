-- Why a message was put off, for people; null for all else, and where an earlier release put it off.
alter table outbox add column reason text;
