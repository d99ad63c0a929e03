/*
 * What has happened in a synthetic fleet: operations, consumption, drills, shared projects, repeated
 * calls. One of a hundred projects was busy every hour of the last 30 days, one of five once a day
 * for three weeks; of the others only the size was ever measured.
 */

/** Statements that insert what happened; to be run after those for tenants. */
export function activityStatements(projects: number): string[] {
  return [
    // Eight for a project, two more for each further branch; of the largest one 20 for each.
    `insert into operations (id, project_id, branch_id, endpoint_id, action, status, step, error,
         wake_at, deadline_at, created_at, started_at, finished_at, updated_at)
       select md5('operation ' || b.b || ' ' || k)::uuid, b.project_id, b.id,
         case when k > 1 then b.endpoint_id end,
         case k when 1 then 'create_timeline' when 2 then 'start_compute'
           else case k % 2 when 1 then 'suspend_compute' else 'start_compute' end end,
         case when (b.b + k) % 200 = 0 then 'failed' when (b.b + k) % 201 = 0 then 'cancelled'
           else 'finished' end,
         'start', case when (b.b + k) % 200 = 0 then 'no answer' end,
         b.created_at, b.created_at + interval '1 day', at, at, at + interval '1 second',
         at + interval '1 second'
       from fleet_branches b, generate_series(1, 20) k,
         lateral (select b.created_at + make_interval(secs => k * 2) as at) times
       where k <= case when b.i = 0 then 20 when b.n = 1 then 8 else 2 end
       order by k, b.b`,

    // Some are being retried, with one behind them.
    `insert into operations (id, project_id, branch_id, endpoint_id, action, status, wake_at,
         deadline_at)
       select md5('waiting ' || b.b || ' ' || k)::uuid, b.project_id, b.id, b.endpoint_id,
         case k when 1 then 'suspend_compute' else 'start_compute' end,
         case k when 1 then 'running' else 'scheduling' end,
         now() + interval '1 day', now() + interval '2 days'
       from fleet_branches b, generate_series(1, 2) k
       where b.n = 1 and b.i % 300 = 7 and not b.is_gone`,

    `insert into consumption (project_id, branch_id, hour, active_seconds, cu_seconds, bytes_out,
         logical_bytes, data_bytes, wal_bytes)
       select b.project_id, b.id, date_trunc('hour', now(), 'UTC') - make_interval(hours => h),
         600 + h % 3000, 150 + h % 750, 1000 * h, 30000000 - h * 1000, 31000000 - h * 1000, 16777216
       from fleet_branches b, lateral (
         select h from generate_series(0, 719) h where b.i % 100 = 0
         union all
         select h from generate_series(5, 500, 24) h where b.i % 5 = 1
         union all
         select 300 where b.i % 100 > 0 and b.i % 5 <> 1) hours
       where b.n = 1 or h < 12 and b.i < 1000
       order by h desc, b.b`,

    `insert into monthly_usage (branch_id, project_id, month, active_seconds, cu_seconds, bytes_out,
         written_bytes)
       select branch_id, project_id, date_trunc('month', now(), 'UTC'), sum(active_seconds),
         sum(cu_seconds), sum(bytes_out), sum(written_bytes)
       from consumption where hour > now() - interval '31 days' group by branch_id, project_id`,

    `insert into restore_drills (project_id, branch_id, report, is_good, at)
       select project_id, id, '{"problems": [], "durationMs": 812}', true,
         now() - make_interval(days => d)
       from fleet_branches, generate_series(1, 30) d where n = 1 and i % 50 = 0
       order by d desc`,

    `insert into drill_turns (project_id, next_at, drilled_at)
       select id, now() + make_interval(mins => 60 + i % 1300),
         case when i % 50 = 0 then now() - interval '5 minutes' end
       from fleet_projects where deleted_at is null or purge_at is not null`,

    // The guest has a twentieth of the projects of others, but not more than 2,000.
    `insert into project_permissions (project_id, email, granted_by, granted_at, revoked_at)
       select id, case when o > 0 and i <= ${Math.min(40_000, projects)} then 'user2@fleet.example'
           else 'somebody' || i % 1000 || '@fleet.example' end,
         admin_id, created_at, case when i % 7 = 0 then now() end
       from fleet_projects where i % 20 in (5, 10)`,

    `insert into project_transfer_requests
         (project_id, organization_id, created_by, created_at, expires_at)
       select id, organization_id, admin_id, created_at, created_at + interval '1 day'
       from fleet_projects where i % 100 = 3`,

    `insert into project_jwks (project_id, jwks_url, provider_name)
       select id, 'https://keys.example/' || n, 'keys' from fleet_projects, generate_series(1, 2) n
       where i % 100 = 0`,

    `insert into idempotency_keys (subject, key, request_hash, status, sealed_answer, created_at)
       select admin_id::text, 'call ' || i, md5(i::text), 201, repeat(md5(i::text), 100),
         now() - make_interval(mins => i % 1400)
       from fleet_projects where i % 20 = 0`,

    `insert into audit_log (sequence, at, user_id, api_key_id, request_id, method, path, status,
         remote_addr, hash)
       select n, now(), md5('fleet user 1')::uuid, 1, 'request-' || n, 'POST', '/api/v2/projects',
         201, '127.0.0.1', '' from generate_series(1, ${Math.min(5000, projects)}) n`,
  ];
}
