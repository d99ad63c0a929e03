-- A deleted project keeps its data until `purge_at` and can be recovered.

alter table projects add column purge_at timestamptz;

create index projects_to_purge on projects (purge_at) where purge_at is not null;
create index recoverable_projects on projects (organization_id, id) where purge_at is not null;
