-- Who may ask.

create table organizations (
  id text primary key,
  name text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table users (
  id uuid primary key,
  name text not null,
  email text not null unique,
  created_at timestamptz not null default now()
);

create table organization_members (
  user_id uuid not null references users,
  organization_id text not null references organizations,
  primary key (user_id, organization_id)
);

create table api_keys (
  id bigint generated always as identity primary key,
  user_id uuid not null references users,
  name text not null,
  -- SHA-256 of the key: a key has enough entropy to need no salt.
  key_hash text not null unique,
  -- The key that the first start wrote to a file.
  is_admin boolean not null default false,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  last_used_from_addr text not null default '',
  revoked_at timestamptz
);

create index api_keys_of_user on api_keys (user_id) where revoked_at is null;
create unique index one_admin_key on api_keys (is_admin) where is_admin and revoked_at is null;

-- Where computes run. Hosts register by reporting.

create table hosts (
  id text primary key,
  region_id text not null,
  address text not null,
  info jsonb not null,
  reported_at timestamptz not null
);

create index hosts_of_region on hosts (region_id);

-- What tenants have.

create table projects (
  id text primary key,
  organization_id text not null references organizations,
  owner_id uuid not null references users,
  region_id text not null,
  name text not null,
  pg_major integer not null,
  provisioner text not null,
  store_passwords boolean not null,
  history_retention_seconds integer not null,
  default_endpoint_settings jsonb not null,
  settings jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);

-- A list page walks this index; the search reads names and ids by their trigrams.
create index projects_of_organization on projects (organization_id, id) where deleted_at is null;
create extension if not exists pg_trgm;
create index projects_by_text on projects using gin (name gin_trgm_ops, id gin_trgm_ops)
  where deleted_at is null;

create table timelines (
  id text primary key,
  project_id text not null references projects,
  -- The host that holds the data, chosen once; null until a host of the region is known.
  host_id text references hosts,
  created_at timestamptz not null default now(),
  deleted_at timestamptz
);

create index timelines_of_project on timelines (project_id);
create index timelines_of_host on timelines (host_id) where deleted_at is null;

create table branches (
  id text primary key,
  project_id text not null references projects,
  timeline_id text not null references timelines,
  parent_id text references branches,
  parent_lsn text,
  parent_timestamp timestamptz,
  name text not null,
  is_default boolean not null,
  is_protected boolean not null default false,
  current_state text not null default 'init',
  pending_state text,
  state_changed_at timestamptz not null default now(),
  created_by uuid not null references users,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (project_id, name)
);

create unique index default_branch on branches (project_id) where is_default;
create index branches_of_timeline on branches (timeline_id);

create table endpoints (
  id text primary key,
  project_id text not null references projects,
  branch_id text not null references branches,
  type text not null,
  name text,
  min_cu double precision not null,
  max_cu double precision not null,
  suspend_timeout_seconds integer not null,
  settings jsonb not null,
  is_disabled boolean not null default false,
  pooler_enabled boolean not null default false,
  passwordless_access boolean not null default true,
  provisioner text not null,
  -- Grows with every change that the host must hear of.
  generation bigint not null default 1,
  current_state text not null default 'init',
  pending_state text,
  last_active timestamptz,
  started_at timestamptz,
  suspended_at timestamptz,
  -- As the host counts them: they only grow.
  active_seconds double precision not null default 0,
  bytes_out double precision not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index endpoints_of_project on endpoints (project_id);
create index endpoints_of_branch on endpoints (branch_id);
create unique index one_read_write_endpoint on endpoints (branch_id) where type = 'read_write';

create table roles (
  branch_id text not null references branches,
  name text not null,
  verifier text not null,
  -- The password under the master key; null where the project does not store passwords.
  sealed_password text,
  is_protected boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (branch_id, name)
);

create table databases (
  id bigint generated always as identity primary key,
  branch_id text not null references branches,
  name text not null,
  owner_name text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (branch_id, name),
  foreign key (branch_id, owner_name) references roles
);

-- What is being done. `sequence` orders the operations of one project.

create table operations (
  id uuid primary key,
  sequence bigint generated always as identity,
  project_id text not null references projects,
  branch_id text references branches,
  endpoint_id text references endpoints,
  action text not null,
  status text not null,
  -- The step of the action's state machine to run next; null before the first.
  step text,
  failures_count integer not null default 0,
  error text,
  wake_at timestamptz not null default clock_timestamp(),
  -- Grows when somebody wakes the operation, so that a worker which is just about to put it off sees.
  wakes integer not null default 0,
  deadline_at timestamptz not null,
  lease_owner uuid,
  lease_until timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz not null default clock_timestamp()
);

create index operations_to_run on operations (wake_at)
  where status in ('scheduling', 'running', 'cancelling');
create index operations_in_order on operations (project_id, sequence)
  where status in ('scheduling', 'running', 'cancelling');
-- Few: what is under way, and what went wrong.
create index unfinished_operations on operations (status) where status <> 'finished';
create index operations_of_project on operations (project_id, created_at desc, sequence desc);

-- What was answered, for clients that repeat a call.

create table idempotency_keys (
  user_id uuid not null references users,
  key text not null,
  request_hash text not null,
  status integer,
  -- Answers carry passwords, so they are kept under the master key.
  sealed_answer text,
  created_at timestamptz not null default now(),
  primary key (user_id, key)
);

create index idempotency_keys_by_age on idempotency_keys (created_at);

-- What was asked, by whom. Each row carries a hash over itself and the row before it, so a row that
-- is changed or taken out shows.

create table audit_log (
  sequence bigint primary key,
  at timestamptz not null,
  user_id uuid not null,
  api_key_id bigint not null,
  request_id text not null,
  method text not null,
  path text not null,
  status integer not null,
  remote_addr text not null,
  hash bytea not null
);

create function audit_row_hash(audit_log, previous bytea) returns bytea
language sql stable as $$
  select sha256(previous || convert_to(concat_ws(E'\x1f', $1.sequence,
    to_char($1.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US'), $1.user_id, $1.api_key_id,
    $1.request_id, $1.method, $1.path, $1.status, $1.remote_addr), 'UTF8'))
$$;

create function chain_audit_row() returns trigger
language plpgsql as $$
declare
  last audit_log;
begin
  -- One writer at a time until it commits: a chain has no branches and no gaps.
  perform pg_advisory_xact_lock(hashtextextended('pgfleet.audit_log', 0));
  select * into last from audit_log order by sequence desc limit 1;
  new.sequence := coalesce(last.sequence, 0) + 1;
  new.at := clock_timestamp();
  new.hash := audit_row_hash(new, coalesce(last.hash, ''));
  return new;
end
$$;

create function refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception 'the audit log is append-only';
end
$$;

create trigger chain before insert on audit_log
  for each row execute function chain_audit_row();
create trigger append_only before update or delete or truncate on audit_log
  for each statement execute function refuse_change();

-- Rows whose hash does not follow from the row before: none, unless the log was tampered with.
create view audit_log_breaks as
  select sequence from (
    select a.sequence, a.hash = audit_row_hash(a, lag(a.hash, 1, '') over (order by a.sequence))
      and a.sequence = row_number() over (order by a.sequence) as is_whole
    from audit_log a
  ) checked
  where not is_whole;
