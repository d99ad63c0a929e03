-- Where the keys are published that sign the tokens of a project's users.

create table project_jwks (
  id uuid primary key default gen_random_uuid(),
  project_id text not null references projects,
  -- The only branch that it is for; null for all of them.
  branch_id text references branches,
  jwks_url text not null,
  provider_name text not null,
  jwt_audience text,
  role_names jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index jwks_of_project on project_jwks (project_id, created_at);
