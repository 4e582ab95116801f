import type { z } from 'zod';
import type { Model } from '../../../core/models/models.ts';
import type { baseModelSchema } from '../schemas/models.ts';
import { parameterTemplate } from './parameters.ts';

/** `serverless`: whether another server may run what is trained from it. */
export function baseModel(model: Model, serverless: boolean): z.infer<typeof baseModelSchema> {
  return {
    name: model.name,
    type: model.chat ? 'chat' : 'completion',
    parameter_template: parameterTemplate({
      contextLength: model.context_length,
      parameters: Number(model.parameters),
    }),
    support_serverless: serverless,
  };
}
