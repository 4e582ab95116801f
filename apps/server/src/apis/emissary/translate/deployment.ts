import type { z } from 'zod';
import type { Deployment } from '../../../core/deployments/deployments.ts';
import type { deploymentDetailSchema, deploymentSummarySchema } from '../schemas/deployments.ts';
import { unixSeconds } from './unix-time.ts';
import { deploymentStatus } from './vocabulary.ts';

export function deploymentSummary(deployment: Deployment): z.infer<typeof deploymentSummarySchema> {
  return {
    id: deployment.id,
    name: deployment.name,
    status: deploymentStatus[deployment.state],
    created_at: unixSeconds(deployment.created_at),
  };
}

export function deploymentDetail(deployment: Deployment): z.infer<typeof deploymentDetailSchema> {
  return {
    ...deploymentSummary(deployment),
    ...(deployment.description !== null && { description: deployment.description }),
    base_model: deployment.model_name,
    training_id: deployment.training_job_id,
    checkpoint: deployment.checkpoint_number,
    updated_at: unixSeconds(deployment.updated_at),
    ...(deployment.error && { error: { code: deployment.error.code, message: deployment.error.message } }),
  };
}
