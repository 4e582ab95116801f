import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { Model } from '../../../core/models/models.ts';
import type { NewTrainingJob } from '../../../core/training/training-jobs.ts';
import type { createTrainingJobSchema } from '../schemas/training-jobs.ts';
import { type ParameterValue, readParameters } from './parameters.ts';

type Body = z.infer<typeof createTrainingJobSchema>;

/** A base model by this name is the one of the hub that `hf_model_link` says. */
export const hubModel = 'HF_MODEL';

/**
 * Refuses what a request may not say together.
 * @throws AtelierError `invalid_request`
 */
export function refuseUnsupported(body: Body): void {
  const refuse = (reason: string): never => {
    throw new AtelierError('invalid_request', { reason });
  };
  if ((body.base_model === hubModel) !== (body.hf_model_link !== undefined))
    refuse(`base_model ${hubModel} and hf_model_link belong together: a model of the Hub is named by both`);
  if (body.test_dataset_id !== undefined && body.train_test_split_ratio !== undefined) {
    refuse('Give either test_dataset_id or train_test_split_ratio, not both');
  }
}

/** @throws AtelierError `unknown_parameter`, `invalid_request` */
export function newTrainingJob(body: Body, model: Model): NewTrainingJob {
  const { method, seed, settings, effective } = readParameters(parametersOf(body), {
    contextLength: model.context_length,
    parameters: Number(model.parameters),
  });
  return {
    api: 'emissary',
    name: body.name,
    description: body.description,
    model,
    task: taskOf[body.task_type ?? 'text-generation'],
    method,
    train: [{ datasetId: body.train_dataset_id }],
    test: body.test_dataset_id === undefined ? [] : [body.test_dataset_id],
    splitRatio: body.train_test_split_ratio,
    seed,
    settings,
    apiParameters: effective,
  };
}

/** Emissary's task types in the platform's words. */
const taskOf = {
  'text-generation': 'generation',
  classification: 'classification',
  regression: 'regression',
  embedding: 'embedding',
} as const;

/** `lora_configs` and `quantization` say what `parameters` can say too; the two must not disagree. */
function parametersOf({ parameters = {}, lora_configs = {}, quantization }: Body): Record<string, ParameterValue> {
  const { rank: lora_rank, lora_alpha, lora_dropout } = lora_configs;
  const said: Record<string, ParameterValue | undefined> = { lora_rank, lora_alpha, lora_dropout, quantization };
  const given = Object.entries(said).filter((entry): entry is [string, ParameterValue] => entry[1] !== undefined);
  for (const [name, value] of given) {
    if (name in parameters && parameters[name] !== value) {
      throw new AtelierError('invalid_request', {
        reason: `${name === 'quantization' ? 'quantization' : 'lora_configs'} and parameters give different values of ${name}`,
      });
    }
  }
  return { ...parameters, ...Object.fromEntries(given) };
}
