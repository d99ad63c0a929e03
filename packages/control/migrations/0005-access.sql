-- Who may do what: roles of members, keys of organizations and of single projects.

-- Operators run the installation: they make users and organizations.
alter table users add column is_operator boolean not null default false;
update users set is_operator = true where id in (select user_id from api_keys where is_admin);

alter table organization_members
  add column id uuid not null default gen_random_uuid() unique,
  -- Whoever was a member before there were roles could do everything.
  add column role text not null default 'admin',
  add column joined_at timestamptz not null default now();
alter table organization_members alter column role drop default;

create index members_of_organization on organization_members (organization_id, joined_at, id);

-- A key of an organization is its own: `user_id` says who made it. One with a project opens nothing
-- else.
alter table api_keys
  add column organization_id text references organizations,
  add column project_id text references projects,
  add constraint project_keys_have_an_organization
    check (project_id is null or organization_id is not null);

drop index api_keys_of_user;
create index api_keys_of_user on api_keys (user_id)
  where revoked_at is null and organization_id is null;
create index api_keys_of_organization on api_keys (organization_id)
  where revoked_at is null and organization_id is not null;
create index api_keys_of_project on api_keys (project_id)
  where revoked_at is null and project_id is not null;

-- Answers are repeated to those only who got them: a user, or one key of an organization.
alter table idempotency_keys drop constraint idempotency_keys_user_id_fkey;
alter table idempotency_keys alter column user_id type text;
alter table idempotency_keys rename column user_id to subject;
