import { hyperParametersSchema } from '@atelier/tuner/contract';
import { trainingSettingsSchema } from '../../../core/training/settings.ts';
import type { TrainingJob } from '../../../core/training/training-jobs.ts';
import type { ParameterValue } from './parameters.ts';

/** The hyper-parameters of a job under the names that they have here: as they were given, or what another API's come to. */
export function parametersOfJob(job: TrainingJob): Record<string, ParameterValue> {
  if (job.api === 'emissary') return job.api_parameters as Record<string, ParameterValue>;
  const { trained, hyperParameters, rowsPerStep } = trainingSettingsSchema.parse(job.hyper_parameters);
  const h = trained ?? hyperParametersSchema.parse(hyperParameters);
  return {
    ...(h.steps === undefined ? { num_train_epochs: h.epochs } : { max_steps: h.steps }),
    gradient_accumulation_steps: rowsPerStep,
    per_device_train_batch_size: 1,
    optim: h.optimizer,
    weight_decay: h.weightDecay,
    learning_rate: h.learningRate,
    warmup_steps: h.warmupSteps,
    warmup_ratio: h.warmupFraction,
    lr_scheduler_type: h.schedule,
    method: job.method,
    ...(job.method !== 'full' && { lora_rank: h.loraRank, lora_alpha: h.loraAlpha, lora_dropout: h.loraDropout }),
    max_grad_norm: h.maxGradientNorm,
    max_seq_length: h.maxSequenceTokens,
    seed: job.seed,
  };
}
