/** What can be trained of a model, told from its file's header alone: no native code, no weights read. */
import type { GgufFile } from '@atelier/llama/gguf';
import { AtelierError } from '@atelier/errors';
import type { RunSpec } from '../contract/index.ts';
import { readConfig, type ModelConfig } from './config.ts';
import { modelTensors } from './tensors.ts';

export type TrainableModel = {
  /** `general.architecture` */
  readonly architecture: string;
  /** A decoder generates text; an encoder only turns it into vectors. */
  readonly kind: 'decoder' | 'encoder';
  readonly context: number;
  readonly parameters: number;
  readonly tasks: readonly RunSpec['task'][];
};

/** Throws unsupported_model, naming what is supported, or invalid_model_file, naming the key or the tensor that is not as it should be. */
export function trainableModel(file: GgufFile, name: string): TrainableModel {
  const config = readConfig(file, name);
  const shapes = modelTensors(config, file, name);
  return {
    architecture: config.architecture,
    kind: config.traits.kind,
    context: config.context,
    parameters: [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0),
    tasks: tasksOf(config),
  };
}

/** Throws unsupported_task when a model of this kind cannot learn the task. */
export function requireTask(config: ModelConfig, task: RunSpec['task']): void {
  const tasks = tasksOf(config);
  if (!tasks.includes(task))
    throw new AtelierError('unsupported_task', {
      task: `${task} of ${config.architecture}`,
      supported: tasks.join(', '),
    });
}

/** What an encoder, or a decoder made to look both ways, can learn; a decoder can learn everything. */
export const encoderTasks = ['classification', 'regression', 'embedding', 'reward'] as const;

function tasksOf({ masks }: ModelConfig): readonly RunSpec['task'][] {
  return masks.some(({ causal }) => !causal) ? encoderTasks : ['generation', ...encoderTasks, 'preference'];
}
