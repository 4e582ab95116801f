import type { RunSpec } from '../contract/index.ts';
import { embedding } from './embedding.ts';
import { generation } from './generation.ts';
import { preference } from './preference/preference.ts';
import type { Objective, Setting } from './objective.ts';
import { reward } from './reward.ts';
import { classification, regression } from './scores.ts';

const makers: Record<RunSpec['task'], (setting: Setting) => Promise<Objective>> = {
  generation,
  classification,
  regression,
  embedding,
  reward,
  preference,
};

/** The objective of a spec's task, with its data read. Fails as the data does. */
export function createObjective(setting: Setting): Promise<Objective> {
  return makers[setting.spec.task](setting);
}
