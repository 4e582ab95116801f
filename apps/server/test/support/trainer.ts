/**
 * A program that keeps the contract of `tuner run DIR [--resume]` and trains nothing: DIR/script.json says how many steps it
 * takes, how long each lasts, and how it ends. It counts on from the steps in events.jsonl, so a resumed run adds up.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunEvent } from '@atelier/tuner/contract';

export type Script = { steps: number; stepMs: number; end?: 'succeed' | 'fail' | 'crash'; deaf?: boolean };

const [command, directory = '', resume] = process.argv.slice(2);
const script = JSON.parse(readFileSync(path.join(directory, 'script.json'), 'utf8')) as Script;
const events = path.join(directory, 'events.jsonl');

function write(event: RunEvent): void {
  appendFileSync(events, `${JSON.stringify(event)}\n`);
}

function stepsDone(): number {
  try {
    const text = readFileSync(events, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    writeFileSync(events, whole);
    return whole.split('\n').filter((line) => line.includes('"type":"step"')).length;
  } catch {
    return 0;
  }
}

writeFileSync(
  path.join(directory, 'seen.json'),
  JSON.stringify({ command, resume, environment: Object.keys(process.env).toSorted(), cwd: process.cwd() }),
);
let asked: 'interrupted' | 'cancelled' | null = null;
process.on('SIGTERM', () => (asked ??= script.deaf ? null : 'interrupted'));
process.on('SIGINT', () => (asked ??= script.deaf ? null : 'cancelled'));
process.stdin.on('end', () => process.exit(75)).resume();

const done = stepsDone();
const at = Date.now() / 1000;
write({ type: 'state', at, state: 'running' });
for (let step = done + 1; step <= script.steps; step++) {
  await sleep(script.stepMs);
  if (asked) {
    write({ type: 'state', at, state: asked });
    process.exit(asked === 'interrupted' ? 75 : 130);
  }
  write({
    type: 'step',
    at,
    step,
    epoch: 0,
    loss: 1 / step,
    learningRate: 1,
    gradientNorm: 1,
    tokens: 1,
    tokensPerSecond: 1,
    secondsLeft: 0,
  });
}
if (script.end === 'crash') process.kill(process.pid, 'SIGABRT');
if (script.end === 'fail')
  write({
    type: 'error',
    at,
    code: 'training_failed',
    details: { reason: 'told so' },
    message: 'Training failed: told so',
  });
write({ type: 'state', at, state: script.end === 'fail' ? 'failed' : 'succeeded' });
process.exit(script.end === 'fail' ? 1 : 0);
