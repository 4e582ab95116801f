import { AtelierError } from '@atelier/errors';
import type { RunSpec } from '../contract/index.ts';
import { embedding } from './embedding.ts';
import { generation } from './generation.ts';
import type { Objective, Setting } from './objective.ts';
import { reward } from './reward.ts';
import { classification, regression } from './scores.ts';

const makers: Partial<Record<RunSpec['task'], (setting: Setting) => Promise<Objective>>> = {
  generation,
  classification,
  regression,
  embedding,
  reward,
};

/** The objective of a spec's task, with its data read. Fails with `unsupported_task`, or as the data does. */
export function createObjective(setting: Setting): Promise<Objective> {
  const { task } = setting.spec;
  const make = makers[task];
  if (!make) throw new AtelierError('unsupported_task', { task, supported: Object.keys(makers).join(', ') });
  return make(setting);
}
