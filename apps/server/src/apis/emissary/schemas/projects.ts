import { z } from 'zod';
import { datasetListSchema } from './datasets.ts';
import { deploymentListSchema } from './deployments.ts';
import { nameSchema } from './text.ts';
import { trainingJobListSchema } from './training-jobs.ts';

export const createProjectSchema = z
  .strictObject({ name: nameSchema.optional() })
  .nullish()
  .describe('May be left out altogether');

export const projectSummarySchema = z.object({
  id: z.string(),
  name: z.string().describe('Empty when none was given'),
});

export const projectListSchema = z.array(projectSummarySchema);

export const projectDetailSchema = z.object({
  ...projectSummarySchema.shape,
  datasets: datasetListSchema,
  training_jobs: trainingJobListSchema,
  deployments: deploymentListSchema,
});
