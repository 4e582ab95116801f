/** The trials that a search consists of: the same for the same search.json. */
import { AtelierError } from '@atelier/errors';
import { maxTrials, type Domain, type SearchSpec } from '../../contract/search.ts';
import { hyperParametersSchema } from '../../contract/spec.ts';
import { randomStream, uniform } from '../../random.ts';

export type TriedSettings = Record<string, Extract<Domain, { values: unknown }>['values'][number]>;

/** Throws invalid_request when they are too many, or when one is no run. */
export function trialsOf(spec: SearchSpec): TriedSettings[] {
  const parameters = Object.entries(spec.parameters) as [string, Domain][];
  const trials = spec.strategy === 'grid' ? grid(parameters) : random(parameters, spec.trials, spec.seed);
  for (const settings of trials) {
    const parsed = hyperParametersSchema.safeParse({ ...spec.base.hyperParameters, ...settings });
    if (parsed.success) continue;
    const issue = parsed.error.issues[0]!;
    throw invalid(`parameters.${issue.path.join('.')}: ${issue.message}`);
  }
  return trials;
}

function grid(parameters: readonly [string, Domain][]): TriedSettings[] {
  const count = parameters.reduce((product, [, domain]) => product * pointsOf(domain).length, 1);
  if (count > maxTrials) throw invalid(`parameters: ${count} combinations; at most ${maxTrials}`);
  return parameters.reduce<TriedSettings[]>(
    (trials, [name, domain]) =>
      trials.flatMap((trial) => pointsOf(domain).map((value) => Object.assign({}, trial, { [name]: value }))),
    [{}],
  );
}

function random(parameters: readonly [string, Domain][], trials: number, seed: number): TriedSettings[] {
  return Array.from({ length: trials }, (_, trial) =>
    Object.fromEntries(
      parameters.map(([name, domain], index) => {
        const share = uniform(randomStream(seed, 3, trial, index));
        if (!('values' in domain)) return [name, at(domain, share)];
        return [name, domain.values[Math.min(domain.values.length - 1, Math.floor(share * domain.values.length))]!];
      }),
    ),
  );
}

function pointsOf(domain: Domain): TriedSettings[string][] {
  if ('values' in domain) return domain.values;
  const { points } = domain;
  return [...new Set(Array.from({ length: points }, (_, i) => at(domain, i / (points - 1))))];
}

/** The value at a share of a range, from 0 to 1. */
function at({ min, max, scale, integer }: Exclude<Domain, { values: unknown }>, share: number): number {
  const value = scale === 'log' ? min * (max / min) ** share : min + (max - min) * share;
  const within = Math.min(max, Math.max(min, value));
  return integer ? Math.round(within) : within;
}

export const invalid = (reason: string): AtelierError =>
  new AtelierError('invalid_request', { reason: `search.json: ${reason}` });
