import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('support/log-writer.ts', import.meta.url));
const children: ChildProcessWithoutNullStreams[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process whose log goes into a pipe, and the first line of its standard output. */
async function writer(lines: number, end = '') {
  const child = spawn(process.execPath, ['--no-warnings', program, String(lines), end]);
  children.push(child);
  const [told] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, dropped: Number(told) };
}

type Line = { number?: number; msg: string; dropped?: number };

async function* linesOf(child: ChildProcessWithoutNullStreams): AsyncGenerator<Line> {
  for await (const line of createInterface({ input: child.stderr })) if (line.startsWith('{')) yield JSON.parse(line);
}

describe('a log', () => {
  it('has every line, in order, of a process that ends', async () => {
    const { child } = await writer(1000);
    const numbers: (number | undefined)[] = [];
    for await (const { number } of linesOf(child)) numbers.push(number);
    expect(numbers).toEqual(Array.from({ length: 1000 }, (_, number) => number));
  }, 60_000);

  it('has every line of a process that ends by an error that nobody catches', async () => {
    const { child } = await writer(1000, 'throw');
    const numbers = new Set<number | undefined>();
    for await (const { number } of linesOf(child)) numbers.add(number);
    expect(numbers).toEqual(new Set(Array.from({ length: 1000 }, (_, number) => number)));
  }, 60_000);

  it('has an error as soon as it is told', async () => {
    const { child } = await writer(3, 'error');
    const messages: string[] = [];
    for await (const { msg } of linesOf(child)) {
      messages.push(msg);
      if (msg === 'urgent') break;
    }
    expect(messages).toEqual(['line', 'line', 'line', 'urgent']);
  }, 60_000);

  it('that nobody reads drops lines beyond its 4 MiB, holds nobody up, and says how many once it is read', async () => {
    const { child, dropped } = await writer(40_000, 'go on');
    expect(dropped).toBeGreaterThan(5_000);
    let got = 0;
    const messages: string[] = [];
    let told = 0;
    child.stdin.write('go on\n');
    for await (const line of linesOf(child)) {
      if (line.number !== undefined) got++;
      else messages.push(line.msg);
      told += line.dropped ?? 0;
      if (messages.includes('again') && told > 0) break;
    }
    expect(got).toBe(40_000 - dropped);
    expect(told).toBe(dropped);
  }, 120_000);
});
