-- What a branch used in the last month in which it used anything, for whoever shows hundreds of them:
-- the hours of a month are too many to be summed up for that. Metered with the hours, and again from
-- nothing when a month begins.
create table monthly_usage (
  branch_id text primary key references branches,
  project_id text not null references projects,
  month timestamptz not null,
  active_seconds double precision not null,
  cu_seconds double precision not null,
  bytes_out double precision not null,
  written_bytes double precision not null
);

create index monthly_usage_of_project on monthly_usage (project_id);

insert into monthly_usage
select branch_id, project_id, date_trunc('month', now(), 'UTC'), sum(active_seconds),
  sum(cu_seconds), sum(bytes_out), sum(written_bytes)
from consumption where hour >= date_trunc('month', now(), 'UTC')
group by branch_id, project_id;

create or replace function meter_endpoint() returns trigger
language plpgsql as $$
declare
  present_hour timestamptz := date_trunc('hour', now(), 'UTC');
  present_month timestamptz := date_trunc('month', now(), 'UTC');
  seconds double precision := new.active_seconds - old.active_seconds;
  sent double precision := new.bytes_out - old.bytes_out;
  written double precision := new.written_bytes - old.written_bytes;
begin
  insert into consumption as c (project_id, branch_id, hour, active_seconds, cu_seconds, bytes_out,
    written_bytes)
  -- A compute has its largest size all the time that it runs.
  values (new.project_id, new.branch_id, present_hour, seconds, seconds * new.max_cu, sent, written)
  on conflict (project_id, branch_id, hour) do update set
    active_seconds = c.active_seconds + excluded.active_seconds,
    cu_seconds = c.cu_seconds + excluded.cu_seconds,
    bytes_out = c.bytes_out + excluded.bytes_out,
    written_bytes = c.written_bytes + excluded.written_bytes;

  insert into monthly_usage as u (project_id, branch_id, month, active_seconds, cu_seconds,
    bytes_out, written_bytes)
  values (new.project_id, new.branch_id, present_month, seconds, seconds * new.max_cu, sent, written)
  on conflict (branch_id) do update set
    month = excluded.month,
    active_seconds = excluded.active_seconds
      + case u.month when excluded.month then u.active_seconds else 0 end,
    cu_seconds = excluded.cu_seconds
      + case u.month when excluded.month then u.cu_seconds else 0 end,
    bytes_out = excluded.bytes_out
      + case u.month when excluded.month then u.bytes_out else 0 end,
    written_bytes = excluded.written_bytes
      + case u.month when excluded.month then u.written_bytes else 0 end;
  return null;
end
$$;
