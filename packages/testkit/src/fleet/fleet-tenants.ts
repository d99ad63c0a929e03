/*
 * Projects of a synthetic fleet and what they consist of. Project 0 is the largest; one of a
 * thousand has 50 branches, one of five has 3, all others have one.
 *
 * A tenth as many projects are deleted: half of these can be recovered, the others are gone. The
 * same is so for branches that are not a project's first one.
 */

const LARGEST_BRANCHES = 1000;

/** Statements that insert projects, branches, timelines, endpoints, roles, databases, snapshots. */
export function tenantStatements(projects: number): string[] {
  const largest = Math.min(LARGEST_BRANCHES, projects);
  return [
    `create temp table fleet_projects on commit preserve rows as
       select p.*, o.id as organization_id, o.admin_id
       from (
         select i, case when i % 10 < 4 then 0 when i % 10 < 6 then 1 + (i / 10) % 20
             else 21 + i % greatest(1, (select count(*)::integer from fleet_organizations) - 21)
             end as o,
           (array['calm', 'bold', 'late', 'wild', 'dry'])[1 + hash % 5] || '-'
             || (array['river', 'lake', 'sea', 'dew', 'fog', 'tree', 'leaf'])[1 + hash / 8 % 7] || '-'
             || lpad((i * 48271::bigint % 99999989)::text, 8, '0') as id,
           (array['shop', 'blog', 'crm', 'forum', 'wiki', 'chat', 'game'])[1 + hash / 64 % 7] || ' '
             || (array['acme', 'globex', 'initech', 'umbrella', 'hooli'])[1 + hash / 512 % 5]
             || ' ' || i as name,
           now() - make_interval(mins => 30 + i % 500000) as created_at,
           case when i = 0 then ${largest} when i % 1000 = 2 then 50 when i % 5 = 0 then 3 else 1
             end as branches,
           case when i >= ${projects} then now() - make_interval(mins => 5 + i % 5) end
             as deleted_at,
           case when i >= ${projects} and i % 2 = 0 then now() + make_interval(days => 1 + i % 6)
             end as purge_at
         from generate_series(0, ${Math.ceil(projects * 1.1)} - 1) i,
           lateral (select abs(hashint4(i) / 2) as hash) h
       ) p join fleet_organizations o on o.o = p.o`,
    'analyze fleet_projects',

    `insert into projects (id, organization_id, owner_id, region_id, name, pg_major, provisioner,
         store_passwords, history_retention_seconds, default_endpoint_settings, settings,
         exceeded_quota, exceeded_until, created_at, updated_at, deleted_at, purge_at)
       select id, organization_id, admin_id, 'aws-us-east-2', name, 17, 'k8s-neonvm', true, 86400,
         '{"autoscaling_limit_min_cu": 0.25, "autoscaling_limit_max_cu": 0.25,
           "suspend_timeout_seconds": 0}',
         '{"allowed_ips": {"ips": [], "protected_branches_only": false},
           "enable_logical_replication": false, "block_public_connections": false,
           "block_vpc_connections": false}',
         case when i % 50 = 1 then 'active_time_seconds' end,
         case when i % 50 = 1 then now() + interval '10 days' end,
         created_at, created_at, deleted_at, purge_at
       from fleet_projects order by i`,

    `create temp table fleet_branches on commit preserve rows as
       select b.*, 'br-fleet-fog-a5' || lpad(to_hex(b.b), 6, '0') as id,
         'tl-' || substr(md5('timeline ' || b.b), 1, 20) as timeline_id,
         'ep-fleet-fog-a5' || lpad(to_hex(b.b), 6, '0') as endpoint_id,
         'host-fleet-' || 1 + b.b % 40 as host_id
       from (
         select row_number() over (order by i, n) as b, i, n, p.id as project_id, admin_id,
           created_at + make_interval(secs => n) as created_at,
           case when n > 1 and n % 3 = 0 then now() - make_interval(hours => 1) end as deleted_at,
           case when n > 1 and n % 6 = 0 and p.deleted_at is null
             then now() + make_interval(days => 1 + n % 6) end as purge_at,
           p.deleted_at is not null and p.purge_at is null as is_gone
         from fleet_projects p, generate_series(1, branches) n
       ) b`,
    'analyze fleet_branches',

    `insert into timelines (id, project_id, host_id, head_lsn, logical_bytes, data_bytes, wal_bytes,
         created_at, deleted_at)
       select timeline_id, project_id, host_id, '0/1A2B3C4', 30000000 + b, 31000000 + b, 16777216,
         created_at, case when is_gone or deleted_at is not null and purge_at is null then now() end
       from fleet_branches order by b`,

    `insert into branches (id, project_id, timeline_id, parent_id, name, is_default, current_state,
         created_by, created_at, updated_at, expires_at, deleted_at, purge_at)
       select b.id, b.project_id, b.timeline_id, root.id,
         case when b.n = 1 then 'main' else 'preview/' || b.n end, b.n = 1, 'ready', b.admin_id,
         b.created_at, b.created_at,
         case when b.n % 4 = 2 and not b.is_gone then now() + make_interval(days => b.n % 30 + 1)
           end, b.deleted_at, b.purge_at
       from fleet_branches b
         left join fleet_branches root on root.i = b.i and root.n = 1 and b.n > 1
       order by b.b`,

    // One of twenty runs.
    `insert into endpoints (id, project_id, branch_id, type, min_cu, max_cu,
         suspend_timeout_seconds, settings, provisioner, current_state, last_active, started_at,
         suspended_at, active_seconds, bytes_out, is_heard, created_at, updated_at)
       select endpoint_id, project_id, id, 'read_write', 0.25, 0.25, 0, '{}', 'k8s-neonvm',
         case when b % 20 = 0 and not is_gone then 'active' else 'idle' end,
         case when b % 20 = 0 then now() - interval '1 minute'
           else created_at + interval '10 minutes' end,
         created_at, created_at + interval '15 minutes', b % 90000, b % 1000000, true,
         created_at, created_at
       from fleet_branches order by b`,

    `insert into roles (branch_id, name, verifier, sealed_password)
       select id, 'neondb_owner', 'SCRAM-SHA-256$4096:' || repeat(md5(id), 3), repeat(md5(id), 2)
       from fleet_branches order by b`,

    `insert into databases (branch_id, name, owner_name)
       select id, 'neondb', 'neondb_owner' from fleet_branches order by b`,

    // Every fifth project has two, the largest one 500; one of three was deleted.
    `create temp table fleet_snapshots on commit preserve rows as
       select b.i, s as n, b.project_id, b.id as branch_id, b.host_id, b.admin_id,
         'snap-fleet-fog-' || b.i || '-' || s as id,
         'tl-' || substr(md5('snapshot ' || b.i || ' ' || s), 1, 20) as timeline_id,
         case when s % 3 = 0 or b.is_gone then now() end as deleted_at
       from fleet_branches b, generate_series(1, 500) s
       where b.n = 1 and (b.i = 0 or b.i % 5 = 1 and s < 3)`,

    `insert into timelines (id, project_id, host_id, source, deleted_at)
       select s.timeline_id, s.project_id, s.host_id, jsonb_build_object('kind', 'timeline',
         'timelineId', b.timeline_id, 'at', jsonb_build_object('kind', 'head')), s.deleted_at
       from fleet_snapshots s join fleet_branches b on b.id = s.branch_id`,

    `insert into snapshots (id, project_id, source_branch_id, timeline_id, name, lsn, at, is_manual,
         full_size, state, expires_at, created_by, created_at, deleted_at)
       select id, project_id, branch_id, timeline_id, 'snapshot ' || n, '0/1A2B3C4',
         now() - make_interval(hours => n), n % 2 = 0, 30000000, 'ready',
         case when n % 2 = 0 then now() + make_interval(days => n % 30 + 1) end, admin_id,
         now() - make_interval(hours => n), deleted_at
       from fleet_snapshots`,

    `insert into backup_schedules (branch_id, schedule, next_at)
       select id, '[{"frequency": "daily", "hour": 3, "retention_seconds": 604800}]',
         now() + make_interval(mins => 120 + i % 1200)
       from fleet_branches where n = 1 and i % 10 = 0 and not is_gone`,
  ];
}
