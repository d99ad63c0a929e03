-- An endpoint that is deleted keeps its row: its operations and what it used stay countable.

alter table endpoints add column deleted_at timestamptz;

drop index one_read_write_endpoint;
create unique index one_read_write_endpoint on endpoints (branch_id)
  where type = 'read_write' and deleted_at is null;
