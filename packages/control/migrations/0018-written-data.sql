-- Bytes of WAL that computes wrote, metered like what they sent.
alter table endpoints add column written_bytes double precision not null default 0;
alter table consumption add column written_bytes double precision not null default 0;

create or replace function meter_endpoint() returns trigger
language plpgsql as $$
declare
  seconds double precision := new.active_seconds - old.active_seconds;
begin
  insert into consumption as c (project_id, branch_id, hour, active_seconds, cu_seconds, bytes_out,
    written_bytes)
  -- A compute has its largest size all the time that it runs.
  values (new.project_id, new.branch_id, date_trunc('hour', now(), 'UTC'), seconds,
    seconds * new.max_cu, new.bytes_out - old.bytes_out, new.written_bytes - old.written_bytes)
  on conflict (project_id, branch_id, hour) do update set
    active_seconds = c.active_seconds + excluded.active_seconds,
    cu_seconds = c.cu_seconds + excluded.cu_seconds,
    bytes_out = c.bytes_out + excluded.bytes_out,
    written_bytes = c.written_bytes + excluded.written_bytes;
  return null;
end
$$;

drop trigger meter on endpoints;
create trigger meter after update of active_seconds, bytes_out, written_bytes on endpoints
  for each row
  when (new.active_seconds > old.active_seconds or new.bytes_out > old.bytes_out
    or new.written_bytes > old.written_bytes)
  execute function meter_endpoint();
