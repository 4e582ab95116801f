/** The HTTP path without a model: how long an answer takes that the engine gives at once, at a thousand requests a second. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ended, processorSeconds, started } from '../engine/contender.ts';
import type { Load, Measured } from './load.ts';

const adminKey = 'the-key-of-the-bench';
const chat = JSON.stringify({
  model: 'mistral-small-latest',
  messages: [{ role: 'user', content: 'What is the answer?' }],
});

/** A process that serves, and the one request that it is sent. */
type Contender = { name: string; pid: number; port: number; request: string };

export async function httpBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rate: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const rate = Number(values.rate);
  const seconds = Number(values.seconds);
  const directory = await mkdtemp(path.join(tmpdir(), 'http-bench-'));
  // PostgreSQL runs as another user when this one is root, and has to pass.
  await chmod(directory, 0o755);
  const whole = await serve('instant-server.ts', [path.join(directory, 'data'), adminKey]);
  const answer = await fetch(`${whole.url}/mistral/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminKey}` },
    body: chat,
  });
  const bare = await serve('bare-server.ts', [await answer.text()]);
  try {
    const post = `content-type: application/json\r\nauthorization: Bearer ${adminKey}\r\ncontent-length: ${Buffer.byteLength(chat)}`;
    const contenders: Contender[] = [
      { name: "Node's own", ...bare, request: request('POST /', post, chat) },
      { name: '/healthz', ...whole, request: request('GET /healthz', 'accept: */*') },
      { name: 'chat', ...whole, request: request('POST /mistral/v1/chat/completions', post, chat) },
    ];
    console.log(`${new Date().toISOString()}, ${cpus()[0]?.model}, ${rate} requests a second for ${seconds} s\n`);
    console.log(
      '| round | what | p50 ms | p99 | p99.9 | most | refused | generator late p99 | processor ms a request | load |',
    );
    console.log(`|${' --- |'.repeat(10)}`);
    for (let round = 0; round <= Number(values.rounds); round++)
      for (const { name, pid, port, request } of contenders) {
        const before = processorSeconds(pid);
        const { took, late, refused } = await measured({ port, request, rate, seconds });
        const processor = ((processorSeconds(pid) - before) * 1000) / took.length;
        const row = [
          round,
          name,
          ...[0.5, 0.99, 0.999, 1].map((share) => quantile(took, share)),
          refused,
          quantile(late, 0.99),
        ];
        // The first is to warm up.
        if (round > 0) console.log(`| ${[...row, processor.toFixed(3), loadavg()[0]!.toFixed(1)].join(' | ')} |`);
      }
  } finally {
    await Promise.all([ended(whole.child), ended(bare.child)]);
    await rm(directory, { recursive: true });
  }
}

async function serve(program: string, args: readonly string[]) {
  const { child, value: url } = await started(process.execPath, ['--no-warnings', file(program), ...args], {}, (line) =>
    line.startsWith('http') ? line : undefined,
  );
  return { child, url, pid: child.pid!, port: Number(new URL(url).port) };
}

/** By a process of its own, so that what asks does not wait for what measures. */
async function measured(load: Load): Promise<Measured> {
  const { child, value } = await started(
    process.execPath,
    ['--no-warnings', file('load.ts'), JSON.stringify(load)],
    {},
    (line) => JSON.parse(line) as Measured,
  );
  await ended(child);
  return value;
}

function file(program: string): string {
  return fileURLToPath(new URL(program, import.meta.url));
}

function request(line: string, headers: string, body = ''): string {
  return `${line} HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers}\r\n\r\n${body}`;
}

function quantile(sorted: readonly number[], share: number): string {
  return sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(2);
}
