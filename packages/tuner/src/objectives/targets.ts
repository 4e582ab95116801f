/** What classification and regression predict, as the spec and the training data say. */
import type { LabelledRecord } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import { maxTargets, type RunSpec } from '../contract/spec.ts';
import type { HeadTarget, Unit } from './linear-head.ts';

export type Target = HeadTarget & {
  /** Share in the loss. */
  readonly weight: number;
};

/** What a record says of each target, in order; undefined where it says nothing. Class: 1, 0 or, when unknown, NaN for each label. Scalar: the number. */
export type Known = { readonly values: readonly (Float32Array | undefined)[]; readonly weight: number };

export type PlacedLabels = { readonly line: number; readonly record: LabelledRecord };

type Value = LabelledRecord['labels'][string];

const invalid = (line: number, target: string | undefined, reason: string): AtelierError =>
  new AtelierError('invalid_dataset', {
    line,
    field: target === undefined ? 'labels' : `labels.${target.slice(0, shownName)}`,
    reason,
  });

/** Characters of a target's name in an error: the name is the data's. */
const shownName = 64;

/** F32 holds more, its squares do not. */
const largestNumber = 1e15;

/** Most labels that data may bring to one target without the spec naming them; more is a text taken for a class. */
const maxLabels = 4096;

/** Targets of a classification: those of the spec, or all of the data. Labels and kinds that the spec leaves open are the data's, labels sorted. */
export async function classificationTargets(
  given: RunSpec['taskSettings']['targets'],
  records: AsyncIterable<PlacedLabels>,
): Promise<Target[]> {
  const found = new Map<string, { labels: Set<string>; several: boolean }>();
  for await (const { line, record } of records) {
    for (const [name, value] of Object.entries(record.labels)) {
      if (given && !given.some((target) => target.name === name)) continue;
      let target = found.get(name);
      if (!target) found.set(name, (target = { labels: new Set(), several: false }));
      if (found.size > maxTargets) throw invalid(line, undefined, `there are more than ${maxTargets} targets`);
      if (typeof value === 'number') throw invalid(line, name, 'is a number; task regression predicts those');
      if (typeof value !== 'string') target.several = true;
      for (const label of labelsOf(value)) target.labels.add(label);
      if (target.labels.size > maxLabels) throw invalid(line, name, `has more than ${maxLabels} labels`);
    }
  }
  const named =
    given ?? [...found.keys()].sort().map((name) => ({ name, weight: 1, lossFunction: undefined, labels: undefined }));
  requireTargets(named);
  return named.map(({ name, labels, weight, lossFunction }, index) => {
    const own = found.get(name);
    const kind = lossFunction ? (lossFunction === 'softmax' ? 'single' : 'multi') : own?.several ? 'multi' : 'single';
    const all = labels ?? [...(own?.labels ?? [])].sort();
    const field = `spec.json: taskSettings.targets.${index}`;
    if (new Set(all).size < all.length) throw request(`${field}.labels: names a label twice`);
    if (all.length < (kind === 'single' ? 2 : 1))
      throw request(
        `${given ? `${field}.labels` : `target ${index + 1} of the data`}: has ${all.length} labels, which leaves nothing to decide`,
      );
    return { name, kind, labels: all, weight };
  });
}

/** Targets of a regression. */
export async function regressionTargets(
  given: RunSpec['taskSettings']['targets'],
  records: AsyncIterable<PlacedLabels>,
): Promise<Target[]> {
  for (const [index, { labels, lossFunction }] of (given ?? []).entries()) {
    if (labels ?? lossFunction)
      throw request(
        `spec.json: taskSettings.targets.${index}.${labels ? 'labels' : 'lossFunction'}: belongs to a classification`,
      );
  }
  const found = new Set<string>();
  if (!given) {
    for await (const { line, record } of records) {
      for (const name of Object.keys(record.labels)) found.add(name);
      if (found.size > maxTargets) throw invalid(line, undefined, `there are more than ${maxTargets} targets`);
    }
  }
  const named = given ?? [...found].sort().map((name) => ({ name, weight: 1 }));
  requireTargets(named);
  return named.map(({ name, weight }) => ({ name, kind: 'scalar' as const, labels: [], weight }));
}

/** What a record says of the targets; undefined when that is nothing. Throws `invalid_dataset`, naming the field. */
export function knownOf(targets: readonly Target[], { line, record }: PlacedLabels): Known | undefined {
  const values = targets.map((target) => {
    const value = Object.hasOwn(record.labels, target.name) ? record.labels[target.name] : undefined;
    if (value === undefined) return undefined;
    return target.kind === 'scalar' ? numberOf(line, target, value) : classesOf(line, target, value);
  });
  const weight = record.weight ?? 1;
  return weight > 0 && values.some((value) => value !== undefined) ? { values, weight } : undefined;
}

function numberOf(line: number, { name }: Target, value: Value): Float32Array {
  if (typeof value !== 'number') throw invalid(line, name, 'must be a number for task regression');
  if (Math.abs(value) > largestNumber) throw invalid(line, name, `must not be beyond ${largestNumber}`);
  return new Float32Array([value]);
}

function classesOf(line: number, { name, kind, labels }: Target, value: Value): Float32Array {
  if (typeof value === 'number') throw invalid(line, name, 'is a number; task regression predicts those');
  const known = new Float32Array(labels.length).fill(isMap(value) && kind === 'multi' ? NaN : 0);
  for (const [label, holds] of isMap(value)
    ? Object.entries(value)
    : labelsOf(value).map((each) => [each, 1] as const)) {
    const index = labels.indexOf(label);
    if (index < 0) throw invalid(line, name, `holds a label that is none of the target's ${labels.length}`);
    known[index] = holds;
  }
  if (kind === 'single' && known.reduce((sum, holds) => sum + holds, 0) !== 1)
    throw invalid(line, name, 'must hold exactly one label, as the target is single-label');
  return known;
}

function isMap(value: Value): value is Record<string, 0 | 1> {
  return typeof value === 'object' && !Array.isArray(value);
}

function labelsOf(value: Exclude<Value, number>): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value : Object.keys(value);
}

/** Mean and deviation of each scalar target over the training data. */
export function unitsOf(targets: readonly Target[], known: readonly Known[]): Unit[] {
  return targets.map((_, index) => {
    const numbers = known.flatMap(({ values }) => (values[index] ? [values[index][0]!] : []));
    if (numbers.length === 0) return { mean: 0, deviation: 1 };
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    const deviation = Math.sqrt(numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length);
    return { mean, deviation: deviation > 0 ? deviation : 1 };
  });
}

function requireTargets(targets: readonly { readonly name: string }[]): void {
  if (targets.length === 0) throw new AtelierError('training_failed', { reason: 'no record has a label' });
  const names = new Set<string>();
  for (const [index, { name }] of targets.entries()) {
    if (names.has(name)) throw request(`spec.json: taskSettings.targets.${index}.name: is there twice`);
    names.add(name);
  }
}

function request(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}
