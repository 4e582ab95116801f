/** The platform's words in Emissary's, one table each; every internal word has an entry. */
import type { z } from 'zod';
import type { DeploymentState } from '../../../core/deployments/states.ts';
import type { TrainingState } from '../../../core/training/states.ts';
import type { deploymentSummarySchema } from '../schemas/deployments.ts';
import type { trainingJobDetailSchema, trainingJobSummarySchema } from '../schemas/training-jobs.ts';

type DetailStatus = z.infer<typeof trainingJobDetailSchema>['status'];
type SummaryStatus = z.infer<typeof trainingJobSummarySchema>['status'];

export const detailStatus: Readonly<Record<TrainingState, DetailStatus>> = {
  queued: 'Pending',
  validating: 'Pending',
  validated: 'Pending',
  running: 'Running',
  evaluating: 'Testing',
  saving: 'Testing',
  succeeded: 'Success',
  failed: 'Failed',
  /** From here a job can only end as cancelled. */
  cancelling: 'Cancelled',
  cancelled: 'Cancelled',
  timed_out: 'TimedOut',
};

/** The published summary knows no Testing: a job under test is still Running there. */
export function summaryStatus(state: TrainingState): SummaryStatus {
  const status = detailStatus[state];
  return status === 'Testing' ? 'Running' : status;
}

export const deploymentStatus: Readonly<Record<DeploymentState, z.infer<typeof deploymentSummarySchema>['status']>> = {
  pending: 'Pending',
  deploying: 'Deploying',
  deployed: 'Deployed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  timed_out: 'TimedOut',
};
