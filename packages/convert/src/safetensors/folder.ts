/** The tensors of a model folder, in one `model.safetensors` or in the shards that `model.safetensors.index.json` names. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { invalidFile, quote } from '../invalid-file.ts';
import { maxShards, maxTensors } from '../limits.ts';
import { readJson } from '../read-json.ts';
import { readSafetensors } from './read.ts';
import type { SafeTensor } from './header.ts';

export interface StoredTensor extends SafeTensor {
  /** The file it lies in. */
  path: string;
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** Every tensor of the folder by name. Throws `invalid_model_file` when shards and index disagree. */
export async function readTensorFolder(directory: string): Promise<Map<string, StoredTensor>> {
  const single = path.join(directory, 'model.safetensors');
  const index = path.join(directory, 'model.safetensors.index.json');
  if (!existsSync(index)) {
    if (!existsSync(single))
      throw invalidFile(directory, 'it holds neither model.safetensors nor model.safetensors.index.json');
    return collect(
      await readSafetensors(single).then(({ tensors }) => tensors.map((tensor) => ({ ...tensor, path: single }))),
    );
  }
  const { weight_map: places } = await readJson(index, indexSchema);
  const names = Object.keys(places);
  if (names.length > maxTensors) throw invalidFile(index, `it names ${names.length} tensors, more than ${maxTensors}`);
  const shards = new Set(Object.values(places));
  if (shards.size > maxShards) throw invalidFile(index, `it names ${shards.size} files, more than ${maxShards}`);
  const found: StoredTensor[] = [];
  for (const shard of shards) {
    // A name with a directory in it could read any file of the machine.
    if (path.basename(shard) !== shard || !shard.endsWith('.safetensors'))
      throw invalidFile(index, `${quote(shard)} is not the name of a safetensors file beside it`);
    const file = path.join(directory, shard);
    if (!existsSync(file)) throw invalidFile(index, `it names ${quote(shard)}, which is missing`);
    for (const tensor of (await readSafetensors(file)).tensors) {
      if (places[tensor.name] !== shard)
        throw invalidFile(index, `it does not place tensor ${quote(tensor.name)} in ${shard}, where it is`);
      found.push({ ...tensor, path: file });
    }
  }
  const tensors = collect(found);
  const missing = names.find((name) => !tensors.has(name));
  if (missing !== undefined) throw invalidFile(index, `it names tensor ${quote(missing)}, which no file has`);
  return tensors;
}

function collect(tensors: readonly StoredTensor[]): Map<string, StoredTensor> {
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}
