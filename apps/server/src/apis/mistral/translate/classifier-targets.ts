import type { z } from 'zod';
import { trainingSettingsSchema } from '../../../core/training/settings.ts';
import type { TrainingJob } from '../../../core/training/training-jobs.ts';
import type { classifierTargetsSchema } from '../schemas/fine-tuning.ts';

/** Given, or found in the data once the job was validated. */
export function classifierTargets(job: Pick<TrainingJob, 'hyper_parameters'>): z.infer<typeof classifierTargetsSchema> {
  const { targets, taskSettings } = trainingSettingsSchema.parse(job.hyper_parameters);
  if (targets)
    return targets.map(({ name, labels, weight, kind }) => ({
      name,
      labels,
      weight,
      loss_function: kind === 'multi' ? 'multi_class' : 'single_class',
    }));
  return (taskSettings.targets ?? []).map(({ name, labels = [], weight, lossFunction }) => ({
    name,
    labels,
    weight,
    loss_function: lossFunction === 'sigmoid' ? 'multi_class' : 'single_class',
  }));
}
