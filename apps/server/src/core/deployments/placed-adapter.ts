/** An adapter in a directory that another server reads too, in the form that PEFT and vLLM load. */
import { chmod, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { runConversion } from '@atelier/convert';
import { AtelierError } from '@atelier/errors';
import type { LocalModelRef } from '@atelier/engine';
import type { RemotePlace, RemotePlaces } from './remote-places.ts';

export type PlacedAdapter = { local: LocalModelRef; place: RemotePlace; name: string };

/**
 * Writes the adapter of `local` below the place's directory, unless it is there, to be read by whoever may read that
 * directory.
 * @throws AtelierError `invalid_model_file`, `storage_full`, `cancelled`; `conflict` when the directory is not there
 */
export async function placeAdapter(
  { local, place, name }: PlacedAdapter,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  const { mode } = await stat(place.directory).catch((error: NodeJS.ErrnoException) => {
    throw new AtelierError(
      'conflict',
      { reason: `The directory of ${place.service}'s adapters: ${error.code}` },
      error,
    );
  });
  const directory = path.join(place.directory, name);
  // Its last file makes a folder whole.
  if (!(await exists(path.join(directory, 'adapter_config.json')))) {
    const command = ['export', `--base-name=${place.model}`, '--', local.adapter!.path, local.path, directory];
    await runConversion(command, { environment, signal });
  }
  // Whatever this process writes is for its user alone, and the other server is mostly another's.
  for (const file of await readdir(directory)) await chmod(path.join(directory, file), mode & 0o666);
  await chmod(directory, mode & 0o777);
}

/** Twice is no error. */
export async function removeAdapter({ place, name }: Pick<PlacedAdapter, 'place' | 'name'>): Promise<void> {
  await rm(path.join(place.directory, name), { recursive: true, force: true });
}

/** Whether something of an adapter lies in the directory of any place. */
export async function isPlaced(places: RemotePlaces, name: string): Promise<boolean> {
  const directories = new Set([...places.values()].map(({ directory }) => directory));
  const there = [...directories].map((directory) => exists(path.join(directory, name)));
  return (await Promise.all(there)).includes(true);
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
