-- Invitations, and the most that an organization means to spend.

alter table organizations add column spending_limit_cents bigint;

create table organization_invitations (
  id uuid primary key default gen_random_uuid(),
  organization_id text not null references organizations,
  -- In lower case.
  email text not null,
  role text not null,
  invited_by uuid not null references users,
  invited_at timestamptz not null default now(),
  -- When the invited one became a member; null while there is no such user.
  accepted_at timestamptz
);

create unique index open_invitations on organization_invitations (email, organization_id)
  where accepted_at is null;
create index invitations_of_organization on organization_invitations (organization_id, invited_at);

create unique index users_by_email on users (lower(email));
