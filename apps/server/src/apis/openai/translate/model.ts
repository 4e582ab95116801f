import type { z } from 'zod';
import type { Model } from '../../../core/models/models.ts';
import type { modelSchema } from '../schemas/models.ts';
import { unixSeconds } from './ids.ts';

/** `id` is the name it was asked by. */
export function wireModel(model: Model, id = model.name): z.infer<typeof modelSchema> {
  return {
    id,
    object: 'model',
    created: unixSeconds(model.created_at),
    owned_by: model.workspace_id ?? 'atelier',
  };
}
