import type { AnonymizationState, AnonymizedBranchStatus } from '@pgfleet/contract';
import { timestamp } from '../../domain/timestamps.ts';
import type { AnonymizationDetails } from '../../store/anonymized-branches.ts';
import type { BranchRow } from '../../store/schema.ts';

/** How far the anonymization of a branch is, as the API shows it. */
export function presentAnonymization(
  branch: Pick<BranchRow, 'id' | 'project_id' | 'current_state'>,
  anonymization: AnonymizationDetails,
): AnonymizedBranchStatus {
  const state = stateOf(branch, anonymization);
  const { status_message: message, failed_at: failedAt } = anonymization;
  return {
    project_id: branch.project_id,
    branch_id: branch.id,
    state,
    ...optional('status_message', messages[state] ?? message),
    created_at: timestamp(anonymization.created_at),
    updated_at: timestamp(anonymization.updated_at),
    ...optional('failed_at', failedAt && timestamp(failedAt)),
    ...presentRun(anonymization),
  };
}

// Before there is data nothing can be said about what becomes of it.
function stateOf(
  { current_state: branch }: Pick<BranchRow, 'current_state'>,
  { state, is_unmade: isUnmade }: AnonymizationDetails,
): AnonymizationState {
  if (branch !== 'init') return state;
  return isUnmade ? 'initialization_error' : 'created';
}

const messages: Partial<Record<AnonymizationState, string>> = {
  created: 'the branch is being made',
  initialized: 'the data is not masked yet: nobody can connect before it is',
  initialization_error: 'the branch has no data: it could not be created',
};

function presentRun(run: AnonymizationDetails): Pick<AnonymizedBranchStatus, 'last_run'> {
  if (!run.started_at) return {};
  return {
    last_run: {
      started_at: timestamp(run.started_at),
      ...optional('completed_at', run.completed_at && timestamp(run.completed_at)),
      ...optional('triggered_by', run.started_by),
      ...optional('triggered_by_username', run.starter_name),
      ...optional('masked_columns', run.masked_columns),
    },
  };
}

function optional(name: string, value: unknown) {
  return value === null || value === undefined ? {} : { [name]: value };
}
