import { z } from 'zod';
import { projectParams } from './project-params.ts';
import { descriptionSchema, nameSchema, storedText, unixTime } from './text.ts';

export const createDeploymentSchema = z.strictObject({
  training_job_id: storedText(200).describe('The training job whose checkpoint is deployed'),
  checkpoint: z.int().min(1).max(1_000_000).describe('The number of the checkpoint'),
  server_type: z
    .enum(['serverless', 'on-demand'])
    .optional()
    .describe(
      'Default: on-demand, on this server; serverless, on another one, only where the base model says support_serverless',
    ),
  name: nameSchema.optional(),
  description: descriptionSchema.optional(),
});

export const deploymentSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(['Pending', 'Deploying', 'Deployed', 'Failed', 'Cancelled', 'TimedOut']),
  created_at: unixTime,
});

export const deploymentListSchema = z.array(deploymentSummarySchema);

export const deploymentDetailSchema = z.object({
  ...deploymentSummarySchema.shape,
  description: z.string().optional(),
  base_model: z.string(),
  training_id: z.string(),
  checkpoint: z.int(),
  updated_at: unixTime,
  error: z.object({ code: z.string(), message: z.string() }).optional().describe('Why the deployment failed'),
});

export const deploymentParams = z.object({
  ...projectParams.shape,
  deployment_id: z.string().describe('The ID of the deployment'),
});
