import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine } from '../../src/command-line.ts';

/** Running processes whose command line names something below `directory` (Linux). */
export async function processesOf(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const line = await commandLine(Number(name));
    if (line.includes(`${directory}/`) || line.includes(` ${directory} `)) found.push(`${name}:${line}`);
  }
  return found;
}

/** Resolves when no process names `directory` any more; rejects, listing them, when some do after `limitMs`. */
export async function allGone(directory: string, limitMs = 5000): Promise<void> {
  for (const deadline = performance.now() + limitMs; ; await sleep(50)) {
    const left = await processesOf(directory);
    if (left.length === 0) return;
    if (performance.now() > deadline) throw new Error(`left running: ${left.join('; ')}`);
  }
}
