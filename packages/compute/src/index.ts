export { type Backup, beginBackup, type CompleteBackup, endBackup } from './backup.ts';
export {
  ADMIN_ROLE,
  AdminConnection,
  type AdminConnectionOptions,
} from './admin-connection.ts';
export { createAdminSecret } from './admin-secret.ts';
export { adoptInstance } from './adopt-instance.ts';
export type { AdvisorCategory, AdvisorIssue, AdvisorLevel } from './advisors/advisor-check.ts';
export { findIssues, type FindIssuesOptions } from './advisors/find-issues.ts';
export {
  applySpec,
  type ClusterSpec,
  type DatabaseSpec,
  type Rename,
  type RoleSpec,
} from './apply-spec.ts';
export { changeContent, type ContentChange } from './change-content.ts';
export { checkSettings, type CheckSettingsOptions } from './check-settings.ts';
export type { ClusterAccess } from './cluster-access.ts';
export { ComputeError, type ComputeErrorCode } from './compute-error.ts';
export {
  type ClusterState,
  type ControlFile,
  readControlFile,
  wasCleanShutdown,
} from './control-file.ts';
export { crc32c } from './crc32c.ts';
export { DataDirectory, type FileStat, type LentFile, type OwnerOption } from './data-directory.ts';
export { detectSandbox, type DetectSandboxOptions } from './detect-sandbox.ts';
export { dumpRoles, type RolesDump } from './dump-roles.ts';
export { dumpSchema, type DumpSchemaOptions } from './dump-schema.ts';
export {
  type ConnectionConfig,
  EmbeddedCluster,
  type EmbeddedClusterOptions,
} from './embedded-cluster.ts';
export { choosePgDump, findPgDumps, type PgDump } from './find-pg-dump.ts';
export {
  findAllInstallations,
  findInstallations,
  type PostgresInstallation,
} from './installation.ts';
export { ensureInstallationView, type InstallationView } from './installation-view.ts';
export {
  Instance,
  type InstanceExit,
  type InstancePlace,
  type InstanceRecord,
  type StopMode,
  type StopOptions,
} from './instance.ts';
export { detectLimits, LimitGroup, type Limits, type LimitSupport } from './limits.ts';
export { boundLogFile } from './log-file.ts';
export {
  checkMasking,
  type MaskingAccess,
  maskCluster,
  type MaskingLogin,
} from './masking/mask-cluster.ts';
export type { MaskingExpression, MaskingRule } from './masking/masking-rule.ts';
export { type Head, markHead } from './mark-head.ts';
export { currentOwner, type Owner } from './owner.ts';
export { type Activity, readActivity } from './read-activity.ts';
export { type ClusterContent, type ContentRole, readContent } from './read-content.ts';
export type { Primary } from './primary-conninfo.ts';
export { preparedRoom } from './prepared-room.ts';
export { readVerifiers } from './read-verifiers.ts';
export {
  type RecoveredCluster,
  recoverCluster,
  type RecoverClusterOptions,
  type RecoveryTarget,
  silenceSubscriptions,
} from './recover-cluster.ts';
export {
  endSessions,
  type Following,
  followerSettings,
  lookForPrimary,
  prepareFollower,
  readFollowing,
  untilReplayed,
} from './follow-primary.ts';
export { admitStandbys } from './host-based-access.ts';
export {
  finishInPlace,
  type InPlaceTarget,
  inPlaceSettings,
  prepareInPlace,
  type Reached,
  standbyRoom,
  standbySettings,
} from './recover-in-place.ts';
export { mentioned, settingsRefused } from './refused-settings.ts';
export { removeRebuildableCaches } from './rebuildable-caches.ts';
export { restoreSchema, type RestoreSchemaOptions } from './restore-schema.ts';
export type { Sandbox, SandboxLevel, SandboxProbe } from './sandbox.ts';
export {
  baseSettings,
  type ComputeUnits,
  type InstanceSettings,
  instanceSettings,
  type InstanceSize,
  maxConnectionsFor,
  type PostgresSettings,
  settingsFor,
} from './settings.ts';
export { LiveSettings, readOutdated } from './settings-file.ts';
export { startInstance, type StartInstanceOptions } from './start-instance.ts';
export { createTemplate, type CreateTemplateOptions, type Template } from './template.ts';
export { TEMPLATE_DATABASE, TEMPLATE_ROLE } from './template-sql.ts';
export { readOwnWalCount, readWalCount, type WalCount } from './wal-count.ts';
