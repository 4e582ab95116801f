/**
 * checkpoints/<step>/: the adapter or model as GGUF for whoever serves it, state.gguf with the exact parameters and
 * optimizer moments for whoever resumes, manifest.json with the place in the data and a SHA-256 of each file. Written
 * aside, synced and renamed, so a checkpoint is whole or absent. Random numbers are functions of the seed and the step
 * (see random.ts), so the step is the random state.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readGguf, readTensor, writeGguf } from '@atelier/llama/gguf';
import { z } from 'zod';
import { headFileName, type HeadFile } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { Tensor } from '../graph/operators.ts';
import type { Device } from '../graph/device.ts';
import { download, upload } from '../graph/memory.ts';

const fileSchema = z.strictObject({ file: z.string(), sha256: z.string(), bytes: z.int() });

const manifestSchema = z.strictObject({
  version: z.literal(1),
  step: z.int().min(0),
  /** What comes next: micro-batch `batch` of epoch `epoch`. */
  cursor: z.strictObject({ epoch: z.int().min(0), batch: z.int().min(0) }),
  /** Why it was written: `scheduled` ones are results, the others only serve a resume. */
  reason: z.enum(['scheduled', 'autosave', 'interrupted']),
  epoch: z.number(),
  /** SHA-256 of spec.json: a checkpoint of another run is not resumed from. */
  spec: z.string(),
  weights: fileSchema.nullable(),
  /** head.json, where the task has one. */
  head: fileSchema.nullable().default(null),
  state: fileSchema,
});
export type Manifest = z.infer<typeof manifestSchema>;

/** A tensor of the device to be kept exactly, by name. */
export type StateTensor = { readonly name: string; readonly shape: readonly number[]; readonly tensor: Tensor };

const stateFile = 'state.gguf';

/** Writes a checkpoint and returns its manifest. `served` are the files for whoever serves it, absent for a resume point. */
export async function saveCheckpoint(
  device: Device,
  directory: string,
  state: readonly StateTensor[],
  facts: Pick<Manifest, 'step' | 'cursor' | 'reason' | 'epoch' | 'spec'>,
  served?: { file: string; write: (path: string) => Promise<void>; head: HeadFile | undefined },
): Promise<Manifest> {
  const aside = path.join(directory, `.writing-${facts.step}`);
  const final = path.join(directory, String(facts.step));
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true, mode: 0o700 });
  if (served) await served.write(path.join(aside, served.file));
  if (served?.head) await writeSynced(path.join(aside, headFileName), JSON.stringify(served.head));
  await writeGguf(path.join(aside, stateFile), {
    metadata: [['general.type', { type: 'STRING', value: 'training-state' }]],
    tensors: state.map(({ name, shape, tensor }) => ({
      name,
      shape: [...shape],
      type: 'F32' as const,
      data: () => new Uint8Array(download(device, tensor).buffer),
    })),
  });
  const manifest: Manifest = {
    version: 1,
    ...facts,
    weights: served ? await describeFile(aside, served.file) : null,
    head: served?.head ? await describeFile(aside, headFileName) : null,
    state: await describeFile(aside, stateFile),
  };
  await writeSynced(path.join(aside, 'manifest.json'), JSON.stringify(manifest));
  await rm(final, { recursive: true, force: true });
  await rename(aside, final);
  await syncDirectory(directory);
  return manifest;
}

/** Whole checkpoints of this run, oldest first. Leftovers of a kill are removed. */
export async function listCheckpoints(directory: string, spec: string): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.startsWith('.writing-')) await rm(path.join(directory, name), { recursive: true, force: true });
    if (!/^\d+$/.test(name)) continue;
    const parsed = manifestSchema.safeParse(
      JSON.parse(await readFile(path.join(directory, name, 'manifest.json'), 'utf8')),
    );
    if (parsed.success && parsed.data.spec === spec) manifests.push(parsed.data);
  }
  return manifests.sort((a, b) => a.step - b.step);
}

/** The newest checkpoint whose state is there and unharmed. */
export async function newestState(directory: string, manifests: readonly Manifest[]): Promise<Manifest | undefined> {
  for (const manifest of manifests.toReversed()) {
    const file = path.join(directory, String(manifest.step), manifest.state.file);
    if ((await hashFile(file).catch(() => undefined)) === manifest.state.sha256) return manifest;
  }
  return undefined;
}

/** Puts a checkpoint's parameters and moments back. Throws invalid_model_file when its tensors are not these. */
export async function loadState(
  device: Device,
  directory: string,
  manifest: Manifest,
  state: readonly StateTensor[],
): Promise<void> {
  const file = path.join(directory, String(manifest.step), manifest.state.file);
  const found = new Map((await readGguf(file)).tensors.map((tensor) => [tensor.name, tensor]));
  for (const { name, tensor } of state) {
    const stored = found.get(name);
    if (!stored) throw new AtelierError('invalid_model_file', { file, reason: `tensor ${name} is missing` });
    const bytes = await readTensor(file, stored);
    upload(device, tensor, new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)));
  }
}

/** Drops what newer checkpoints made needless: states beyond the `keep` newest, and resume points altogether. */
export async function pruneCheckpoints(directory: string, manifests: readonly Manifest[], keep: number): Promise<void> {
  for (const manifest of manifests.slice(0, -keep)) {
    const folder = path.join(directory, String(manifest.step));
    if (manifest.reason === 'scheduled') await rm(path.join(folder, manifest.state.file), { force: true });
    else await rm(folder, { recursive: true, force: true });
  }
}

export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function describeFile(folder: string, file: string): Promise<{ file: string; sha256: string; bytes: number }> {
  const whole = path.join(folder, file);
  return { file, sha256: await hashFile(whole), bytes: (await stat(whole)).size };
}

async function writeSynced(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600, flush: true });
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
