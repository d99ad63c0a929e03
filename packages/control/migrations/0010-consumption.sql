-- What branches used, by the hour. Hosts report counters that only grow and sizes as last measured:
-- whatever writes these down meters them, in the same transaction.

create table consumption (
  project_id text not null references projects,
  branch_id text not null references branches,
  hour timestamptz not null,
  active_seconds double precision not null default 0,
  cu_seconds double precision not null default 0,
  bytes_out double precision not null default 0,
  -- As last measured within the hour; null where nothing was measured.
  logical_bytes bigint,
  data_bytes bigint,
  wal_bytes bigint,
  primary key (project_id, branch_id, hour)
);

create function meter_endpoint() returns trigger
language plpgsql as $$
declare
  seconds double precision := new.active_seconds - old.active_seconds;
begin
  insert into consumption as c (project_id, branch_id, hour, active_seconds, cu_seconds, bytes_out)
  -- A compute has its largest size all the time that it runs.
  values (new.project_id, new.branch_id, date_trunc('hour', now(), 'UTC'), seconds,
    seconds * new.max_cu, new.bytes_out - old.bytes_out)
  on conflict (project_id, branch_id, hour) do update set
    active_seconds = c.active_seconds + excluded.active_seconds,
    cu_seconds = c.cu_seconds + excluded.cu_seconds,
    bytes_out = c.bytes_out + excluded.bytes_out;
  return null;
end
$$;

create trigger meter after update of active_seconds, bytes_out on endpoints for each row
  when (new.active_seconds > old.active_seconds or new.bytes_out > old.bytes_out)
  execute function meter_endpoint();

create function meter_timeline() returns trigger
language plpgsql as $$
begin
  insert into consumption (project_id, branch_id, hour, logical_bytes, data_bytes, wal_bytes)
  select new.project_id, b.id, date_trunc('hour', now(), 'UTC'), new.logical_bytes,
    new.data_bytes, new.wal_bytes
  from branches b where b.timeline_id = new.id and b.deleted_at is null
  on conflict (project_id, branch_id, hour) do update set
    logical_bytes = excluded.logical_bytes,
    data_bytes = excluded.data_bytes,
    wal_bytes = excluded.wal_bytes;
  return null;
end
$$;

create trigger meter after update of logical_bytes, data_bytes, wal_bytes on timelines for each row
  when ((new.logical_bytes, new.data_bytes, new.wal_bytes)
    is distinct from (old.logical_bytes, old.data_bytes, old.wal_bytes))
  execute function meter_timeline();

-- Pages of consumption follow each other by the age of projects.
create index projects_by_age on projects (organization_id, created_at, id) where deleted_at is null;
