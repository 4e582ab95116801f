/**
 * A search: its trials one after another, each a run in a process of its own. result.json is rewritten after each, and of
 * the checkpoints only the best trial's stay. Started again, a search goes on with the first trial that has not ended.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runEventSchema, type RunEvent, type RunSpec } from '../../contract/index.ts';
import {
  searchSpecSchema,
  type SearchMetric,
  type SearchResult,
  type SearchSpec,
  type Trial,
} from '../../contract/search.ts';
import type { StopRequest } from '../../objectives/objective.ts';
import { readSettingsFile } from '../spec-file.ts';
import type { Outcome } from '../trainer.ts';
import { invalid, trialsOf, type TriedSettings } from './trials.ts';

const tuner = fileURLToPath(new URL('../../main.ts', import.meta.url));

/** How often a stop is looked for while a trial runs. */
const pollMs = 100;

const lowIsBetter: Record<SearchMetric, boolean> = {
  loss: true,
  meanAbsoluteError: true,
  tokenAccuracy: false,
  accuracy: false,
  macroF1: false,
  spearman: false,
};

/** `onTrial` is called with the result after each trial that ended. Throws invalid_request, naming the field that is wrong. */
export async function search(
  directory: string,
  stop: StopRequest,
  onTrial: (result: SearchResult) => void,
): Promise<Outcome> {
  const spec = parseSearch(await readSettingsFile(directory, 'search.json'));
  const settings = trialsOf(spec);
  const result: SearchResult = { version: 1, metric: spec.metric, total: settings.length, trials: [], best: null };
  for (const [index, tried] of settings.entries()) {
    const name = path.join('trials', String(index + 1).padStart(4, '0'));
    const trialDirectory = path.join(directory, name);
    await writeTrial(trialDirectory, trialSpec(directory, spec, tried));
    const ended = async (): Promise<Trial | undefined> =>
      endedTrial(await readEvents(trialDirectory), spec.metric, index + 1, tried);
    let trial = await ended();
    if (!trial) {
      const how = await runTrial(trialDirectory, stop);
      if (how === 'cancelled' || how === 'interrupted') return how;
      trial = (await ended()) ?? {
        number: index + 1,
        hyperParameters: tried,
        state: 'failed',
        value: null,
        step: null,
        reason: 'its process ended without a word',
      };
    }
    result.trials.push(trial);
    await keepBest(directory, result, trial, name);
    await writeAside(path.join(directory, 'result.json'), JSON.stringify(result, null, 2));
    onTrial(result);
  }
  return 'succeeded';
}

function parseSearch(text: string): SearchSpec {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON');
  }
  const parsed = searchSpecSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw invalid(`${issue.path.join('.')}: ${issue.message}`);
}

function trialSpec(directory: string, { base }: SearchSpec, tried: TriedSettings): RunSpec {
  const absolute = (file: string): string => path.resolve(directory, file);
  return {
    ...base,
    baseModel: absolute(base.baseModel),
    train: base.train.map(absolute),
    validation: base.validation.map(absolute),
    hyperParameters: { ...base.hyperParameters, ...tried } as RunSpec['hyperParameters'],
  };
}

/** What has been tried is not tried otherwise: a search that was changed wants a directory of its own. */
async function writeTrial(directory: string, spec: RunSpec): Promise<void> {
  const file = path.join(directory, 'spec.json');
  const text = JSON.stringify(spec, null, 2);
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found === text) return;
  if (found !== undefined) throw invalid(`it is not what ${path.basename(directory)} of its trials was made from`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeAside(file, text);
}

async function writeAside(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}

async function readEvents(directory: string): Promise<RunEvent[]> {
  const text = await readFile(path.join(directory, 'events.jsonl'), 'utf8').catch(() => '');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => runEventSchema.parse(JSON.parse(line)));
}

/** What became of a trial; undefined while it has not ended. */
function endedTrial(
  events: readonly RunEvent[],
  metric: SearchMetric,
  number: number,
  tried: TriedSettings,
): Trial | undefined {
  const state = events.findLast((event) => event.type === 'state')?.state;
  if (state !== 'succeeded' && state !== 'failed') return undefined;
  const saved = new Set(events.flatMap((event) => (event.type === 'checkpoint' ? [event.step] : [])));
  let best: { value: number; step: number } | undefined;
  for (const event of events) {
    if (event.type !== 'validation' || !saved.has(event.step)) continue;
    const value = event[metric];
    if (value !== undefined && (best === undefined || isBetter(metric, value, best.value)))
      best = { value, step: event.step };
  }
  const error = events.findLast((event) => event.type === 'error');
  return {
    number,
    hyperParameters: tried,
    state,
    value: best?.value ?? null,
    step: best?.step ?? null,
    ...(state === 'failed' && error && { reason: error.message }),
  };
}

function isBetter(metric: SearchMetric, value: number, than: number): boolean {
  return lowIsBetter[metric] ? value < than : value > than;
}

async function keepBest(directory: string, result: SearchResult, trial: Trial, name: string): Promise<void> {
  const { best, metric } = result;
  const { value, step, number } = trial;
  const removed = (of: string): Promise<void> =>
    rm(path.join(directory, of, 'checkpoints'), { recursive: true, force: true });
  // A run that failed may have diverged after its best checkpoint: it is no setting to keep.
  const wins = trial.state === 'succeeded' && value !== null && (!best || isBetter(metric, value, best.value));
  if (!wins) return removed(name);
  result.best = { number, value, step: step!, path: path.join(name, 'checkpoints', String(step)) };
  if (best) await removed(path.dirname(path.dirname(best.path)));
}

/** Runs the trial to its end, or until the search is to stop: then the trial is told, and what it says is the answer. */
async function runTrial(directory: string, stop: StopRequest): Promise<'ended' | 'cancelled' | 'interrupted'> {
  const requested = stop.requested();
  if (requested) return requested;
  await leftoverGone(directory);
  const resume = existsSync(path.join(directory, 'events.jsonl')) ? ['--resume'] : [];
  // The open pipe on its stdin tells it that the search lives; a session of its own, that a Ctrl-C is told once.
  const child = spawn(process.execPath, [tuner, 'run', directory, ...resume], {
    env: { ...process.env, ATELIER_PARENT_PIPE: '1' },
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  child.stdin.on('error', () => {});
  await writeFile(path.join(directory, pidFile), String(child.pid));
  let told: 'cancelled' | 'interrupted' | undefined;
  const timer = setInterval(() => {
    const now = stop.requested();
    if (!now || now === told) return;
    told = now;
    child.kill(now === 'cancelled' ? 'SIGINT' : 'SIGTERM');
  }, pollMs);
  try {
    await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  } finally {
    clearInterval(timer);
  }
  return told ?? 'ended';
}

const pidFile = 'trainer.pid';

/** The trainer of a search that was killed ends by itself, within a micro-batch; two must never write one run. */
async function leftoverGone(directory: string): Promise<void> {
  const pid = await readFile(path.join(directory, pidFile), 'utf8').catch(() => undefined);
  if (pid === undefined) return;
  const commandLine = (): Promise<string> => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  while ((await commandLine()).includes(directory)) await sleep(pollMs);
}
