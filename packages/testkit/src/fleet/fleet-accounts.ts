/*
 * Organizations, users and keys of a synthetic fleet. Organization 0 is the admin's, which has four
 * tenths of all projects; the next twenty share two tenths; the small ones have the rest.
 */

/** Organizations of which the manager is a member. */
const MANAGED = 200;
const MEDIUM = 20;

/** Hashes of the keys that are to be known outside. */
export interface FleetKeys {
  readonly manager: string;
  readonly guest: string;
}

/** Statements that insert organizations, users, memberships, invitations and keys. */
export function accountStatements(projects: number, keys: FleetKeys): string[] {
  const organizations = MEDIUM + Math.max(10, Math.floor(projects / 100));
  const users = Math.max(50, Math.floor(projects / 10));
  return [
    `create temp table fleet_organizations on commit preserve rows as
       select 0 as o, m.organization_id as id, m.user_id as admin_id
       from organization_members m join api_keys k on k.user_id = m.user_id and k.is_admin
       union all
       select o, 'org-fleet-river-' || lpad(o::text, 8, '0'),
         md5('fleet user ' || 1 + o % ${users})::uuid
       from generate_series(1, ${organizations}) o`,

    `insert into organizations (id, name)
       select id, 'organization ' || o from fleet_organizations where o > 0`,

    `insert into users (id, name, email)
       select md5('fleet user ' || u)::uuid, 'user ' || u, 'user' || u || '@fleet.example'
       from generate_series(1, ${users}) u`,

    // Everybody is the admin of what is named after them; a fifth, but not more than 2,000, belong
    // to the largest one.
    `insert into organization_members (user_id, organization_id, role, joined_at)
       select admin_id, id, 'admin', now() - make_interval(hours => o) from fleet_organizations
         where o > 0
       union
       select md5('fleet user ' || u)::uuid, o.id,
         (array['admin', 'member', 'editor', 'viewer', 'collaborator'])[1 + u % 5],
         now() - make_interval(mins => u)
       from generate_series(1, ${Math.min(2000, Math.ceil(users / 5))}) u, fleet_organizations o
         where o.o = 0 and u > 2
       on conflict do nothing`,

    `insert into organization_members (user_id, organization_id, role, joined_at)
       select md5('fleet user 1')::uuid, id, 'member', now() - make_interval(days => 1)
       from fleet_organizations where o < ${MANAGED}
       on conflict do nothing`,

    `insert into organization_invitations
         (organization_id, email, role, invited_by, invited_at, accepted_at)
       select id, 'invited' || n || '@fleet.example', 'member', admin_id,
         now() - make_interval(hours => n), case when n % 2 = 0 then now() end
       from fleet_organizations, generate_series(1, 500) n where o = 0 or n < 5`,

    // One of ten keys was revoked; one of a hundred is an organization's.
    `insert into api_keys (user_id, organization_id, name, key_hash, revoked_at)
       select md5('fleet user ' || u)::uuid,
         case when u % 100 = 0 then (select id from fleet_organizations where o = 0) end,
         'key ' || n, encode(sha256(convert_to('fleet key ' || u || ' ' || n, 'UTF8')), 'hex'),
         case when (u + n) % 10 = 0 then now() end
       from generate_series(1, ${users}) u, generate_series(1, 3) n`,

    `insert into api_keys (user_id, name, key_hash)
       values (md5('fleet user 1')::uuid, 'manager', '${keys.manager}'),
         (md5('fleet user 2')::uuid, 'guest', '${keys.guest}')`,

    `insert into hosts (id, region_id, address, info, reported_at)
       select 'host-fleet-' || n, 'aws-us-east-2', 'unix:/nonexistent/fleet-' || n,
         jsonb_build_object('hostId', 'host-fleet-' || n, 'regionId', 'aws-us-east-2',
           'endpoints', n, 'pgMajors', array[17, 18]), now()
       from generate_series(1, 40) n`,
  ];
}
