/*
 * What the contract has and pgfleet does not: known addresses that are answered with 501, so that a
 * client learns that it asked for something that exists elsewhere. Unknown ones are answered with
 * 404. An operation that gets a route leaves this list; the router refuses to know one twice.
 *
 * Neon's clients look at optional services of a branch on the way to something else. They go on when
 * the message of a 501 says "not available", and for some services only when the answer is 404.
 */

/** Operations that are missing for one reason. */
export interface UnimplementedGroup {
  /** For people, as the end of "this operation is not available: …". */
  readonly reason: string;
  /** Whether these read something that no branch has: the answer is 404 then. */
  readonly isAbsent?: true;
  /** Methods, then the path below `/api/v2` with `{names}` of parameters. */
  readonly addresses: readonly string[];
}

const project = '/projects/{project_id}';
const branch = `${project}/branches/{branch_id}`;
const organization = '/organizations/{org_id}';

export const unimplementedGroups: readonly UnimplementedGroup[] = [
  {
    reason: 'pgfleet runs in no VPC: networks are those of its machines',
    addresses: [
      `GET ${project}/vpc_endpoints`,
      `POST DELETE ${project}/vpc_endpoints/{vpc_endpoint_id}`,
      `GET ${organization}/vpc/vpc_endpoints`,
      `GET ${organization}/vpc/region/{region_id}/vpc_endpoints`,
      `GET POST DELETE ${organization}/vpc/region/{region_id}/vpc_endpoints/{vpc_endpoint_id}`,
    ],
  },
  {
    reason: 'pgfleet has no Data API',
    addresses: [`POST PATCH DELETE ${branch}/data-api/{database_name}`],
  },
  {
    reason: 'pgfleet has no Data API',
    isAbsent: true,
    addresses: [`GET ${branch}/data-api/{database_name}`],
  },
  {
    reason: 'pgfleet has no service for the users of applications',
    isAbsent: true,
    addresses: [`GET ${branch}/auth`],
  },
  {
    reason: 'pgfleet has no service for the users of applications',
    addresses: [
      `POST DELETE ${branch}/auth`,
      `GET POST DELETE ${branch}/auth/domains`,
      `POST ${branch}/auth/users`,
      `DELETE ${branch}/auth/users/{auth_user_id}`,
      `PUT ${branch}/auth/users/{auth_user_id}/role`,
      `GET POST ${branch}/auth/oauth_providers`,
      `PATCH DELETE ${branch}/auth/oauth_providers/{oauth_provider_id}`,
      `POST ${branch}/auth/send_test_email`,
      `GET PATCH ${branch}/auth/email_and_password`,
      `GET PATCH ${branch}/auth/email_provider`,
      `POST ${branch}/auth/email_provider/test`,
      `GET PATCH ${branch}/auth/allow_localhost`,
      `PATCH ${branch}/auth/config`,
      `GET ${branch}/auth/plugins`,
      `PATCH ${branch}/auth/plugins/organization`,
      `PATCH ${branch}/auth/plugins/magic-link`,
      `GET PATCH ${branch}/auth/plugins/phone-number`,
      `GET PUT ${branch}/auth/webhooks`,
      'POST /projects/auth/create',
      'POST /projects/auth/keys',
      'POST /projects/auth/user',
      'POST /projects/auth/transfer_ownership',
      `GET POST DELETE ${project}/auth/domains`,
      `DELETE ${project}/auth/users/{auth_user_id}`,
      `GET ${project}/auth/integrations`,
      `GET POST ${project}/auth/oauth_providers`,
      `PATCH DELETE ${project}/auth/oauth_providers/{oauth_provider_id}`,
      `GET PATCH ${project}/auth/email_server`,
      `DELETE ${project}/auth/integration/{auth_provider}`,
    ],
  },
  {
    reason: 'pgfleet has no object storage',
    addresses: [
      `GET ${branch}/storage`,
      `GET POST ${branch}/buckets`,
      `DELETE ${branch}/buckets/{bucket_name}`,
      `GET ${branch}/buckets/{bucket_name}/objects`,
      `DELETE ${branch}/buckets/{bucket_name}/objects/{object_key}`,
      `GET ${branch}/buckets/{bucket_name}/objects/{object_key}/download`,
      `POST ${branch}/buckets/{bucket_name}/objects/{object_key}/presign`,
      `DELETE ${branch}/buckets/{bucket_name}/objects-by-prefix`,
    ],
  },
  {
    reason: 'pgfleet runs no functions',
    addresses: [
      `GET ${branch}/functions`,
      `GET PATCH DELETE ${branch}/functions/{slug}`,
      `POST ${branch}/functions/{slug}/deployments`,
      `GET POST ${branch}/triggers`,
      `GET PATCH DELETE ${branch}/triggers/{trigger_id}`,
      `GET POST ${branch}/custom-domains`,
      `DELETE ${branch}/custom-domains/{domain}`,
    ],
  },
  { reason: 'pgfleet has no AI gateway', addresses: [`GET ${branch}/ai_gateway`] },
  {
    reason: 'pgfleet has no services beside Postgres that would take them',
    addresses: [
      `GET POST ${branch}/credentials`,
      `DELETE ${branch}/credentials/{token_id}`,
      `POST ${branch}/credentials/{token_id}/reveal`,
      `POST ${branch}/credentials/{token_id}/rotate`,
    ],
  },
  {
    reason: 'only newer clients know it, the published contract does not',
    addresses: [
      `GET ${project}/members`,
      `PUT DELETE ${project}/members/{member_id}/role`,
      `POST ${branch}/logs/query`,
      `GET ${branch}/logs/fields`,
      `GET ${branch}/logs/fields/{field_name}/values`,
    ],
  },
];

/** An operation that is missing. */
export interface UnimplementedOperation {
  readonly method: string;
  readonly path: string;
  readonly reason: string;
  readonly status: 404 | 501;
}

/** The missing operations, one by one. */
export const unimplementedOperations: readonly UnimplementedOperation[] =
  unimplementedGroups.flatMap(({ reason, isAbsent, addresses }) =>
    addresses.flatMap((address) => {
      const methods = address.split(' ');
      const path = methods.pop() ?? '';
      const status = isAbsent ? 404 : 501;
      return methods.map((method) => ({ method, path, reason, status }) as const);
    }),
  );
