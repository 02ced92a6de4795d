-- Since when an account's language is as it is, where its preferences say so: the latest wish counts.
alter table account add column language_at timestamptz;
