/*
 * The whole list of where pgfleet differs from the published contract on purpose. Tests fail on a
 * difference that is not here, and on an entry that no difference needs any more.
 */

/** A difference of schemas: the lines of `compareContracts` that it explains. */
export interface SchemaDifference {
  readonly lines: RegExp;
  readonly reason: string;
}

export const schemaDifferences: readonly SchemaDifference[] = [
  {
    lines: / (body|query) .*: (maxLength|maxItems|maximum) \d+, there any$/,
    reason: 'everything that is stored has a limit, here where the contract names none',
  },
  {
    lines: /(name|\.jwks_url): minLength 1, there any$/,
    reason: 'names and addresses have at least one character',
  },
  {
    lines: /createProjectTransferRequest body \.ttl_seconds: minimum 1, there any$/,
    reason: 'an offer that is over when it is made is none',
  },
  {
    lines: /addProjectJWKS body \.skip_role_creation: missing$/,
    reason: 'no roles are made for signers: nothing accepts their tokens',
  },
  {
    lines: /(timestamp|expires_at): format any, there date-time$/,
    reason: 'times are read by one parser, which words what is wrong; see point-in-time and expiry',
  },
  {
    lines: /: values .*, there any$/,
    reason: 'the contract has the values in prose only; others are refused',
  },
  {
    lines: /(createProjectTransferRequest .*|getProjectBranchSchema .*): default .*, there any$/,
    reason: 'the contract has the default in prose only',
  },
  {
    lines: / query limit: default \d+, there any$/,
    reason: 'a page is as long as it may be where the contract does not say how long it is',
  },
  {
    lines: /query pooled: (type string, there boolean|pattern .*, there any)$/,
    reason: 'clients in Python spell it `True`',
  },
  {
    lines: /listProjectOperations query cursor: pattern .*, there any$/,
    reason: 'a cursor is a time; others are refused',
  },
  {
    lines: /restoreSnapshot body \.target_branch_id: pattern .*, there any$/,
    reason: 'what is no id is refused as such',
  },
  {
    lines: /maintenance_window.*: (minimum 1|pattern .*), there any$/,
    reason: 'the contract has the range of days and the form of times in prose only',
  },
  {
    lines: /updateProjectEndpoint body \.endpoint\.branch_id: missing$/,
    reason: 'deprecated: endpoints do not move between branches',
  },
  {
    lines: /updateSnapshot body \.snapshot\.expires_at: not in the contract$/,
    reason: 'taken too, since snapshots have it',
  },
  {
    lines: /deleteProject query hard_delete: not in the contract$/,
    reason: 'frees the space of a project at once, as the same parameter does for a branch',
  },
  {
    lines: / 20\d .*(maintenance_starts_at|maintenance_scheduled_for): missing$/,
    reason: 'nobody maintains projects on a schedule',
  },
  {
    lines:
      / 20\d .*(hipaa_enabled_at|allow_hipaa_projects|require_mfa|has_mfa|deactivated_at): missing$/,
    reason: 'nothing here has such a state',
  },
  {
    lines: / 20\d .*(billing_account|compute_seconds_limit|project\.quota_reset_at): missing$/,
    reason: 'there are no plans and no bills',
  },
  {
    lines: /unavailable_project_ids: missing$/,
    reason: 'optional: a list is always whole',
  },
  {
    lines: / 20\d .*(org_name|projects\[\]\.history_retention_seconds): missing$/,
    reason: 'optional in lists; to be had from the organization and the project',
  },
  {
    lines: / 20\d .*effective_project_permission: missing$/,
    reason: 'optional; what one may do is told by the role in the organization',
  },
  {
    lines: / 20\d .*compute_release_version: missing$/,
    reason: 'optional: Postgres itself tells its version',
  },
  {
    lines: / 200 \.annotations?(\{\})?\.(created_at|updated_at): missing$/,
    reason: 'optional: annotations are taken and not kept',
  },
  {
    lines: / 200 .*diff_size: missing$/,
    reason: 'optional: snapshots share their data, and what is theirs alone is not measured',
  },
];
