-- What a fleet of hundreds of thousands of projects needs: an index for everything that is asked, and
-- an end for everything that grows.

-- All branches of a project, the deleted ones too.
create index branches_of_project on branches (project_id, id);
create index snapshots_of_branch on snapshots (source_branch_id);
create index snapshots_of_timeline on snapshots (timeline_id);
-- Few: why branches could not be made, and the endpoints that do something.
create index failed_operations on operations (branch_id) where status = 'failed';
create index waking_endpoints on endpoints (current_state)
  where deleted_at is null and current_state <> 'idle';

-- What a search looks at, in one piece; with it in the index a list reads no rows that it leaves out.
alter table projects add column search_text text not null
  generated always as (lower(name || E'\n' || id)) stored;
drop index projects_by_text;
create index projects_by_text on projects using gin (search_text gin_trgm_ops)
  where deleted_at is null;
drop index projects_of_organization;
create index projects_of_organization on projects (organization_id, id) include (search_text)
  where deleted_at is null;

-- When a project is looked at next, to be drilled. Instead of a computed time of the day for each:
-- the times of a fleet are spread once, and from then on each is a day after the one before.
create table drill_turns (
  project_id text primary key references projects,
  next_at timestamptz not null default now() + random() * interval '1 day',
  drilled_at timestamptz
) with (fillfactor = 80);
insert into drill_turns (project_id, next_at, drilled_at)
  select id, coalesce(drill_after, now() + random() * interval '1 day'), drilled_at from projects
  where deleted_at is null or purge_at is not null;
create index drill_turns_due on drill_turns (next_at);
alter table projects drop column drill_after, drop column drilled_at;

-- When the month is over in which a quota was used up: until then nobody looks at it again.
alter table projects add column exceeded_until timestamptz;
update projects set exceeded_until = now() where exceeded_quota is not null;
drop index projects_over_quota;
create index projects_over_quota on projects (exceeded_until)
  where exceeded_until is not null and deleted_at is null;

-- Nothing of a project whose data is gone is due any more: chores would step over it for ever.
update branches b set expires_at = null, purge_at = null from projects p
  where p.id = b.project_id and p.deleted_at is not null and p.purge_at is null
    and (b.expires_at is not null or b.purge_at is not null);
update snapshots s set expires_at = null from projects p
  where p.id = s.project_id and p.deleted_at is not null and p.purge_at is null
    and s.expires_at is not null;
update backup_schedules s set next_at = null from branches b join projects p on p.id = b.project_id
  where b.id = s.branch_id and s.next_at is not null
    and (b.deleted_at is not null and b.purge_at is null
      or p.deleted_at is not null and p.purge_at is null);

-- Nor does anything of it still begin.
update endpoints e set current_state = 'idle', pending_state = null from projects p
  where p.id = e.project_id and e.current_state = 'init'
    and p.deleted_at is not null and p.purge_at is null;

-- What is old is forgotten.
create index operations_by_age on operations (finished_at) where finished_at is not null;
create index consumption_by_age on consumption (hour);
create index restore_drills_by_age on restore_drills (at);

-- Rows that are updated all the time stay on their page, and what they leave is cleared away before
-- it is a fifth of a table of millions.
alter table operations set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
alter table endpoints set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
alter table timelines set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
alter table consumption set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_insert_scale_factor = 0.05);
alter table api_keys set (fillfactor = 90);
alter table idempotency_keys set (autovacuum_vacuum_scale_factor = 0.05);
