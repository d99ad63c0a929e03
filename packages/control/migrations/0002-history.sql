-- Branches of branches, the points they were cut at, and snapshots.

alter table timelines
  -- What it is made of, as the host is told (`TimelineSource`).
  add column source jsonb not null default '{"kind": "template"}',
  -- Where its source was cut; null until that is known.
  add column origin_lsn text,
  add column origin_at timestamptz,
  -- As the host measures them.
  add column oldest_at timestamptz,
  add column oldest_lsn text,
  add column head_lsn text,
  add column logical_bytes bigint,
  add column data_bytes bigint,
  add column wal_bytes bigint,
  add column lost jsonb not null default '[]';

alter table branches
  add column init_source text not null default 'parent-data',
  add column expires_at timestamptz,
  add column ttl_interval_seconds integer,
  add column last_reset_at timestamptz,
  -- A deleted branch keeps its data until `purge_at` and can be recovered.
  add column deleted_at timestamptz,
  add column purge_at timestamptz,
  add column deleted_by uuid references users,
  -- The snapshot it was restored from, the branch it replaced, and how far that is.
  add column restored_from text,
  add column restored_as text,
  add column restore_status text;

alter table branches drop constraint branches_project_id_name_key;
create unique index branches_by_name on branches (project_id, name) where deleted_at is null;
create index branches_of_parent on branches (parent_id) where parent_id is not null;
create index branches_to_expire on branches (expires_at)
  where expires_at is not null and deleted_at is null;
create index branches_to_purge on branches (purge_at) where purge_at is not null;

-- A snapshot is a timeline that never runs.
create table snapshots (
  id text primary key,
  project_id text not null references projects,
  source_branch_id text not null references branches,
  timeline_id text not null references timelines,
  name text not null,
  lsn text,
  at timestamptz,
  is_manual boolean not null,
  full_size bigint,
  state text not null default 'init',
  expires_at timestamptz,
  created_by uuid references users,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);

create index snapshots_of_project on snapshots (project_id) where deleted_at is null;
create index snapshots_to_expire on snapshots (expires_at)
  where expires_at is not null and deleted_at is null;

create table backup_schedules (
  branch_id text primary key references branches,
  schedule jsonb not null,
  -- When the earliest of its items fires next; null without items.
  next_at timestamptz,
  updated_at timestamptz not null default now()
);

create index backup_schedules_due on backup_schedules (next_at) where next_at is not null;

-- What an operation makes or deletes, where it is not the present timeline of its branch.
alter table operations
  add column timeline_id text references timelines,
  add column snapshot_id text references snapshots;

-- What drills found, the newest last.
create table restore_drills (
  id bigint generated always as identity primary key,
  project_id text not null references projects,
  branch_id text not null references branches,
  report jsonb not null,
  is_good boolean not null,
  at timestamptz not null default now()
);

create index restore_drills_of_project on restore_drills (project_id, at desc);
