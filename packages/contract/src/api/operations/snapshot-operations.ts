import { BackupSchedule } from '../backup-schedules.ts';
import { StartedOperations } from '../operations.ts';
import { EmptyAnswer } from '../shown.ts';
import {
  CreatedSnapshot,
  OneSnapshot,
  RestoredSnapshot,
  SnapshotCreateQuery,
  SnapshotList,
  SnapshotRestoreQuery,
  SnapshotRestoreRequest,
  SnapshotUpdateRequest,
} from '../snapshots.ts';
import { branchPath, projectPath } from './api-operation.ts';
import type { ApiOperationGroup } from './api-operation.ts';

const snapshotPath = `${projectPath}/snapshots/{snapshot_id}`;

export const snapshotOperations: ApiOperationGroup = {
  name: 'Snapshots',
  operations: [
    {
      id: 'createSnapshot',
      method: 'POST',
      path: `${branchPath}/snapshot`,
      summary: 'Takes a snapshot of a root branch, at its head or a point of its past.',
      query: SnapshotCreateQuery,
      answers: { 200: CreatedSnapshot },
    },
    {
      id: 'listSnapshots',
      method: 'GET',
      path: `${projectPath}/snapshots`,
      summary: 'The snapshots of a project.',
      answers: { 200: SnapshotList },
    },
    {
      id: 'updateSnapshot',
      method: 'PATCH',
      path: snapshotPath,
      summary: 'Renames a snapshot, or says how long it is kept.',
      body: SnapshotUpdateRequest,
      answers: { 200: OneSnapshot },
    },
    {
      id: 'deleteSnapshot',
      method: 'DELETE',
      path: snapshotPath,
      summary: 'Deletes a snapshot.',
      answers: { 202: StartedOperations },
    },
    {
      id: 'restoreSnapshot',
      method: 'POST',
      path: `${snapshotPath}/restore`,
      summary: 'Makes a branch of a snapshot, beside a branch or in its place.',
      query: SnapshotRestoreQuery,
      body: SnapshotRestoreRequest,
      answers: { 200: RestoredSnapshot },
    },
    {
      id: 'getSnapshotSchedule',
      method: 'GET',
      path: `${branchPath}/backup_schedule`,
      summary: 'When snapshots of a branch are taken.',
      answers: { 200: BackupSchedule },
    },
    {
      id: 'setSnapshotSchedule',
      method: 'PUT',
      path: `${branchPath}/backup_schedule`,
      summary: 'Says when snapshots of a branch are taken.',
      body: BackupSchedule,
      answers: { 200: EmptyAnswer },
    },
  ],
};
