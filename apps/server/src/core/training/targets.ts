/** What a classification predicts, settled before it is trained: given, or found in the training data. */
import { readRecords } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { RunSpec } from '@atelier/tuner/contract';
import { classificationTargets, knownOf, type PlacedLabels } from '@atelier/tuner/targets';
import type { TrainingTarget } from './settings.ts';

type Targets = RunSpec['taskSettings']['targets'];

const lossFunctions = { single: 'softmax', multi: 'sigmoid', scalar: undefined } as const;

/**
 * The targets of a run, whole, once every record of its files goes with them.
 * @throws AtelierError `invalid_dataset`, `invalid_request`, `training_failed` where no record has a label
 */
export async function runTargets(given: Targets, train: string, test: string | undefined): Promise<Targets> {
  const targets = await classificationTargets(given, labelled(train));
  for (const file of test === undefined ? [train] : [train, test])
    for await (const placed of labelled(file)) knownOf(targets, placed);
  return targets.map(({ name, labels, weight, kind }) => ({ name, labels, weight, lossFunction: lossFunctions[kind] }));
}

/** Those of a run, in the platform's words. */
export function settledTargets({ targets = [] }: RunSpec['taskSettings']): TrainingTarget[] {
  return targets.map(({ name, labels = [], weight, lossFunction }) => ({
    name,
    labels,
    weight,
    kind: lossFunction === 'sigmoid' ? 'multi' : 'single',
  }));
}

async function* labelled(file: string): AsyncGenerator<PlacedLabels> {
  let line = 0;
  for await (const record of readRecords(file)) {
    line++;
    if (record.kind !== 'labelled')
      throw new AtelierError('unsupported_task', {
        task: `classification with records of kind ${record.kind}`,
        supported: 'labelled',
      });
    yield { line, record };
  }
}
