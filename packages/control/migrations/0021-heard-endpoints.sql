-- Whether the host of an endpoint is known to have its present generation, or to have removed it where
-- it, its branch or its project is deleted. It is taken to have what was there before this was asked.
alter table endpoints add column is_heard boolean not null default true;
alter table endpoints alter column is_heard set default false;
create index unheard_endpoints on endpoints (id) where not is_heard;

-- A deletion has a generation, too: a host that still has one of these is told once more.
update endpoints e set generation = e.generation + 1
  from branches b join projects p on p.id = b.project_id
  where b.id = e.branch_id
    and (e.deleted_at is not null or b.deleted_at is not null or p.deleted_at is not null);
