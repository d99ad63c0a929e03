-- Projects that are shared with users, and offered to other organizations.

create table project_permissions (
  id uuid primary key default gen_random_uuid(),
  project_id text not null references projects,
  -- In lower case; of a user, or of one who may come to be.
  email text not null,
  granted_by uuid not null references users,
  granted_at timestamptz not null default now(),
  revoked_at timestamptz
);

create unique index granted_permissions on project_permissions (email, project_id)
  where revoked_at is null;
create index permissions_of_project on project_permissions (project_id) where revoked_at is null;

create table project_transfer_requests (
  id uuid primary key default gen_random_uuid(),
  project_id text not null references projects,
  -- Whose the project was: once it is somebody else's, the request is void.
  organization_id text not null references organizations,
  created_by uuid not null references users,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  accepted_at timestamptz
);

create index transfer_requests_of_project on project_transfer_requests (project_id);
