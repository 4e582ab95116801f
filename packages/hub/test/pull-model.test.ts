import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readGguf } from '@atelier/llama/gguf';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../convert/test/temporary-directory.ts';
import { tinyFolders, writeTinyFolder } from '../../convert/test/tiny-folder.ts';
import { type PullOptions, pullModel } from '../src/index.ts';
import { parseReference } from '../src/reference.ts';
import { type HubDouble, hubDouble } from './hub-double.ts';

const gguf = randomBytes(50_000);
const ggufs = { 'model-Q8_0.gguf': randomBytes(3000), 'model-Q4_K_M.gguf': gguf, 'README.md': Buffer.from('x') };

async function setUp(files: Record<string, Buffer>) {
  const stack = new AsyncDisposableStack();
  const hub = stack.use(await hubDouble(files));
  const directory = stack.use(await temporaryDirectory());
  const models = directory.path('models');
  const pull = (what: string, options: Partial<PullOptions> = {}) =>
    pullModel(what, { directory: models, endpoint: hub.endpoint, backoffMs: 1, ...options });
  return { hub, models, directory, pull, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
const ofStore = (hub: HubDouble) => hub.asked.filter(({ at }) => at === 'store');

describe('a pull', { timeout: 60_000 }, () => {
  it('takes the GGUF file that is meant; the token stays at the hub', async () => {
    await using at = await setUp(ggufs);
    at.hub.token = 'hf_secret';
    const progress: number[] = [];
    const onProgress: PullOptions['onProgress'] = ({ done, total }) => progress.push(done / total);
    const file = await at.pull('org/model:q4_k_m', { token: 'hf_secret', onProgress });
    expect(file).toBe(path.join(at.models, 'model-Q4_K_M.gguf'));
    expect((await readFile(file)).equals(gguf)).toBe(true);
    expect(at.hub.asked.map(({ authorization }) => authorization)).toEqual(['Bearer hf_secret', undefined]);
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    await expect(at.pull('org/model:q4_k_m', { token: 'hf_secret' })).rejects.toMatchObject({ code: 'conflict' });
    expect(await at.pull(`${at.hub.endpoint}/org/model/blob/main/model-Q8_0.gguf`, { token: 'hf_secret' })).toContain(
      'Q8_0',
    );
  });

  it('goes on where a connection ended, and where another process had come to', async () => {
    await using at = await setUp(ggufs);
    at.hub.cutAfter = [10_000, 20_000];
    const stop = new AbortController();
    at.hub.slowMs = 20;
    const first = at.pull('org/model:Q4_K_M', {
      signal: stop.signal,
      onProgress: ({ done }) => done > 15_000 && stop.abort(),
    });
    await expect(first).rejects.toMatchObject({ code: 'cancelled' });
    expect(await readdir(at.models)).toEqual(['.pull']);
    at.hub.slowMs = 0;
    const file = await at.pull('org/model:Q4_K_M');
    expect((await readFile(file)).equals(gguf)).toBe(true);
    const [begun, ...more] = ofStore(at.hub);
    expect(begun!.range).toBeUndefined();
    expect(more.length).toBeGreaterThan(1);
    for (const { range } of more) expect(Number(/^bytes=(\d+)-$/.exec(range!)![1])).toBeGreaterThan(0);
  });

  it('refuses what does not have the hash of the hub, and keeps none of it', async () => {
    await using at = await setUp(ggufs);
    at.hub.lies.set('model-Q4_K_M.gguf', '0'.repeat(64));
    await expect(at.pull('org/model:Q4_K_M')).rejects.toMatchObject({ code: 'invalid_model_file' });
    at.hub.lies.clear();
    expect(await at.pull('org/model:Q4_K_M')).toContain('Q4_K_M');
    expect(ofStore(at.hub)).toHaveLength(2);
  });

  it('converts a folder of safetensors', async () => {
    await using folder = await temporaryDirectory();
    await writeTinyFolder(folder.path('llama'), tinyFolders.llama3);
    const files: Record<string, Buffer> = { 'pytorch_model.bin': Buffer.from('never read') };
    for (const name of await readdir(folder.path('llama')))
      files[name] = await readFile(path.join(folder.path('llama'), name));
    await using at = await setUp(files);
    const steps = new Set<string>();
    const onProgress: PullOptions['onProgress'] = ({ doing }) => steps.add(doing);
    const file = await at.pull('org/model', { name: 'mine', type: 'F16', onProgress });
    expect(file).toBe(path.join(at.models, 'mine.gguf'));
    expect((await readGguf(file)).metadata.get('general.architecture')).toMatchObject({ value: 'llama' });
    expect([...steps]).toEqual(['download', 'convert']);
    expect(at.hub.asked.map(({ path: asked }) => asked)).not.toContain('pytorch_model.bin');
    expect(await at.pull(folder.path('llama'))).toBe(path.join(at.models, 'llama.gguf'));
  });

  it('says what it cannot do', async () => {
    await using at = await setUp(ggufs);
    await expect(at.pull('org/model')).rejects.toThrow(/model-Q8_0\.gguf, model-Q4_K_M\.gguf/);
    await expect(at.pull('org/model:Q5_K')).rejects.toMatchObject({ code: 'hub_refused' });
    await expect(at.pull('org/model:Q4_K')).rejects.toMatchObject({ code: 'hub_refused' });
    await expect(at.pull('org/other')).rejects.toMatchObject({ code: 'hub_refused' });
    await expect(at.pull('https://elsewhere.example/org/model')).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(at.pull('org/model:Q8_0', { name: '../up' })).rejects.toMatchObject({ code: 'invalid_request' });
    await writeFile(at.directory.path('x'), '');
    at.hub.token = 'needed';
    await expect(at.pull('org/model')).rejects.toThrow(/token/);
    await at.hub[Symbol.asyncDispose]();
    await expect(at.pull('org/model')).rejects.toMatchObject({ code: 'hub_unavailable' });
  });
});

it.each(['../etc', 'a/b/c', 'org/..', 'org/model@../x', 'org/model@', '', 'org/mo del', '.git/x'])(
  'no model is named %j',
  (name) => {
    expect(() => parseReference(name, 'https://hub.example')).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  },
);
