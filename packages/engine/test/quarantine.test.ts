import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Quarantine } from '../src/quarantine.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'atelier-quarantine-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function file(): string {
  const name = path.join(directory, `${++files}.gguf`);
  writeFileSync(name, 'x');
  return name;
}

test('two crashes in a row while loading close a file off, until it is replaced', () => {
  const quarantine = new Quarantine();
  const suspect = file();
  quarantine.record({ suspect, whileLoading: true, signal: 'SIGKILL' });
  quarantine.check(suspect);
  quarantine.record({ suspect, whileLoading: true, signal: 'SIGKILL' });
  expect(() => quarantine.check(suspect)).toThrow(expect.objectContaining({ code: 'model_quarantined' }));
  expect(quarantine.paths).toEqual([suspect]);
  writeFileSync(suspect, 'another');
  quarantine.check(suspect);
  expect(quarantine.paths).toEqual([]);
});

test('a file that loads in between is not closed off', () => {
  const quarantine = new Quarantine();
  const suspect = file();
  for (let i = 0; i < 5; i++) {
    quarantine.record({ suspect, whileLoading: true, signal: 'SIGABRT' });
    quarantine.check(suspect);
    quarantine.forgiveLoading(suspect);
  }
});

test('native faults count within a minute; being killed while serving does not', () => {
  const quarantine = new Quarantine();
  const suspect = file();
  const crash = (signal: NodeJS.Signals, now: number) =>
    quarantine.record({ suspect, whileLoading: false, signal }, now);
  for (let i = 0; i < 10; i++) crash('SIGKILL', i);
  crash('SIGSEGV', 0);
  crash('SIGSEGV', 61_000);
  quarantine.check(suspect);
  crash('SIGABRT', 62_000);
  expect(() => quarantine.check(suspect)).toThrow(expect.objectContaining({ code: 'model_quarantined' }));
});
