/** The HTTP path without a model: how long an answer takes that the engine gives at once, at a thousand requests a second. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ended, started } from '../engine/contender.ts';

const program = fileURLToPath(new URL('instant-server.ts', import.meta.url));
const adminKey = 'the-key-of-the-bench';

export async function httpBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rate: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const directory = await mkdtemp(path.join(tmpdir(), 'http-bench-'));
  // PostgreSQL runs as another user when this one is root, and has to pass.
  await chmod(directory, 0o755);
  const { child, value: url } = await started(
    process.execPath,
    ['--no-warnings', program, path.join(directory, 'data'), adminKey],
    {},
    (line) => (line.startsWith('http') ? line : undefined),
  );
  const agent = new Agent({ keepAlive: true });
  try {
    console.log(`${new Date().toISOString()}, ${cpus()[0]?.model}, ${values.rate} requests a second\n`);
    console.log(
      '| round | answered | p50 ms | p99 ms | /healthz p50 ms | p99 ms | load |\n| --- | --- | --- | --- | --- | --- | --- |',
    );
    for (let round = 0; round <= Number(values.rounds); round++) {
      const chat = await atRate(Number(values.rate), Number(values.seconds), () => ask(agent, url, 'chat'));
      // The least that a request to this server can do, on the same machine at the same time.
      const least = await atRate(Number(values.rate), Number(values.seconds), () => ask(agent, url, 'health'));
      const row = [chat.length, ...quantiles(chat), ...quantiles(least), loadavg()[0]!.toFixed(1)];
      if (round > 0) console.log(`| ${round} | ${row.join(' | ')} |`);
    }
  } finally {
    agent.destroy();
    await ended(child);
    await rm(directory, { recursive: true });
  }
}

/** Milliseconds of each request, from when it was due: a server that falls behind does not get its load lowered. */
async function atRate(rate: number, seconds: number, send: () => Promise<void>): Promise<number[]> {
  const took: number[] = [];
  const inFlight: Promise<void>[] = [];
  const start = performance.now();
  for (let sent = 0; sent < rate * seconds;) {
    const due = Math.min(rate * seconds, Math.floor(((performance.now() - start) / 1000) * rate) + 1);
    for (; sent < due; sent++) {
      // A timer of the client's own that comes late is no fault of the server.
      const from = performance.now();
      inFlight.push(send().then(() => void took.push(performance.now() - from)));
    }
    await sleep(1);
  }
  await Promise.all(inFlight);
  return took;
}

function ask(agent: Agent, url: string, what: 'chat' | 'health'): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const chat = { model: 'mistral-small-latest', messages: [{ role: 'user', content: 'What is the answer?' }] };
  const body = what === 'chat' ? JSON.stringify(chat) : undefined;
  const headers = body && { 'content-type': 'application/json', authorization: `Bearer ${adminKey}` };
  const target = `${url}${what === 'chat' ? '/mistral/v1/chat/completions' : '/healthz'}`;
  const request = httpRequest(
    target,
    { agent, method: body ? 'POST' : 'GET', ...(headers && { headers }) },
    (response) => {
      response.resume();
      response.on('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${target} answered ${response.statusCode}`)),
      );
    },
  );
  request.on('error', reject);
  request.end(body);
  return promise;
}

function quantiles(values: readonly number[]): string[] {
  const sorted = values.toSorted((a, b) => a - b);
  return [0.5, 0.99].map((share) => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(2));
}
