import type { z } from 'zod';
import type { TrainingJob } from '../../../core/training/training-jobs.ts';
import type { Model, Models } from '../../../core/models/models.ts';
import type { baseModelCardSchema, fineTunedModelCardSchema, fineTunedModelSchema } from '../schemas/models.ts';
import { classifierTargets } from './classifier-targets.ts';
import { defaultTemperature } from './generation.ts';

type Card = z.infer<typeof baseModelCardSchema> | z.infer<typeof fineTunedModelCardSchema>;

/** What stands in a card for the organisation that made a model: here the one that runs the server. */
const owner = 'atelier';

/** `id` is the name it was asked by: a client compares it with what it sent. */
export function modelCard(models: Models, model: Model, job: TrainingJob | undefined, id = model.name): Card {
  const does = capabilities(model, job);
  const card = {
    id,
    object: 'model' as const,
    created: unixSeconds(model.created_at),
    owned_by: model.workspace_id ?? owner,
    capabilities: { ...does, vision: false },
    name: model.title ?? model.name,
    description: model.description,
    max_context_length: model.context_length,
    aliases: [model.name, ...models.aliasesOf(model)].filter((name) => name !== id),
    deprecation: models.deprecationOf(model)?.toISOString() ?? null,
    default_model_temperature: does.completion_chat ? defaultTemperature : null,
  };
  if (!job) return { ...card, type: 'base' };
  return { ...card, type: 'fine-tuned', job: job.uuid, root: job.model_name, archived: model.archived };
}

export function fineTunedModel(models: Models, model: Model, job: TrainingJob): z.infer<typeof fineTunedModelSchema> {
  const card = {
    id: model.name,
    object: 'model' as const,
    created: unixSeconds(model.created_at),
    owned_by: model.workspace_id ?? owner,
    root: job.model_name,
    root_version: '',
    workspace_id: job.workspace_id,
    archived: model.archived,
    name: model.title,
    description: model.description,
    capabilities: capabilities(model, job),
    max_context_length: model.context_length,
    aliases: models.aliasesOf(model),
    job: job.uuid,
  };
  return job.task === 'classification'
    ? { ...card, model_type: 'classifier', classifier_targets: classifierTargets(job) }
    : { ...card, model_type: 'completion' };
}

function capabilities(model: Model, job: TrainingJob | undefined) {
  const generates =
    model.capabilities.encoder !== true &&
    (job === undefined || job.task === 'generation' || job.task === 'preference');
  return {
    completion_chat: generates && model.chat,
    completion_fim: generates && model.capabilities.fim === true,
    function_calling: generates && model.capabilities.tools === true,
    fine_tuning: model.kind === 'base',
    classification: job?.task === 'classification',
  };
}

export function unixSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
