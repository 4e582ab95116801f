import { z } from 'zod';

export const baseModelSchema = z.object({
  name: z.string(),
  type: z
    .enum(['completion', 'classification', 'embeddings', 'chat'])
    .describe(
      'chat: the model has a chat template, and inputs are rendered through it; completion: it continues raw text',
    ),
  parameter_template: z
    .record(z.string(), z.union([z.string(), z.number(), z.int()]))
    .describe('Every hyper-parameter that a training job on this model takes, with its default'),
  support_serverless: z.boolean(),
});

export const baseModelListSchema = z.array(baseModelSchema);

export const baseModelParams = z.object({ base_model_name: z.string().describe('The name of the base model') });
