-- A repeated answer has the headers of the first one.

alter table idempotency_keys add column etag text;
