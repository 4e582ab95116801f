/**
 * A grammar of a few lines can keep native code busy for hours, in one call that nothing can interrupt. So another thread
 * looks on: when one call does not end, it tells the engine which request is to blame, and ends this process.
 */
import { Worker } from 'node:worker_threads';
import type { Report } from '../protocol.ts';

/** A call takes milliseconds. Seconds are counted by the thread that looks on, which a busy machine slows down as well. */
const patienceSeconds = 3;

export const tooManyWays = 'the grammar can be read in too many ways at once';

/** The request that is worked on, or 0, and a number for each call. */
const state = new Int32Array(new SharedArrayBuffer(8));
const [request, call] = [0, 1];

const lookOn = `
  const { workerData: { state, patience, report } } = require('node:worker_threads');
  const { writeSync } = require('node:fs');
  let last = 0;
  let seconds = 0;
  setInterval(() => {
    const id = Atomics.load(state, 0);
    const call = Atomics.load(state, 1);
    seconds = id !== 0 && call === last ? seconds + 1 : 0;
    last = call;
    if (seconds < patience) return;
    try {
      writeSync(3, report.replace('"id":0', '"id":' + id) + '\\n');
    } finally {
      process.kill(process.pid, 'SIGKILL');
    }
  }, 1000);
`;

let wanted = false;

/** Looks on from the first grammar on, in a process whose file descriptor 3 leads to an engine. */
export function watchGrammars(): void {
  wanted = true;
}

function start(): void {
  const report: Report = {
    type: 'progress',
    outcomes: [{ id: 0, error: { code: 'invalid_request', details: { reason: tooManyWays } } }],
  };
  const workerData = { state, patience: patienceSeconds, report: JSON.stringify(report) };
  new Worker(lookOn, { eval: true, workerData }).unref();
}

/** Does native work on a grammar for a request. */
export function watched<T>(id: number, work: () => T): T {
  if (wanted) {
    wanted = false;
    start();
  }
  Atomics.store(state, request, id);
  Atomics.add(state, call, 1);
  try {
    return work();
  } finally {
    Atomics.store(state, request, 0);
  }
}
