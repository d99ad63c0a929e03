import type { OperationAction } from '@pgfleet/contract';
import type { Action } from './action.ts';
import {
  applyConfig,
  applyStorageConfig,
  startCompute,
  suspendCompute,
} from './compute-actions.ts';
import { createTimeline } from './create-timeline.ts';
import { deleteTimeline } from './delete-timeline.ts';
import { finalizeRestore } from './finalize-restore.ts';

/** Every action that an operation can have. */
export const actions: Readonly<Record<OperationAction, Action>> = {
  create_timeline: createTimeline,
  create_branch: createTimeline,
  start_compute: startCompute,
  suspend_compute: suspendCompute,
  apply_config: applyConfig,
  apply_storage_config: applyStorageConfig,
  delete_timeline: deleteTimeline,
  swap_binding_id: finalizeRestore,
};
