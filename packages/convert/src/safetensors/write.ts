import { AtelierError } from '@atelier/errors';
import { type Dtype, dtypeBits } from './dtypes.ts';
import { writeWhole } from '../write-whole.ts';

export interface SafeTensorSource {
  name: string;
  dtype: Dtype;
  /** Slowest dimension first. */
  shape: readonly number[];
  /** Asked for when its turn comes, so that only one tensor is in memory at a time. */
  data: () => Promise<Uint8Array> | Uint8Array;
}

/**
 * Writes a safetensors file aside and renames it into place. Throws `invalid_request` for names given twice, or data
 * of another length than shape and type say; nothing is left behind then.
 */
export async function writeSafetensors(
  file: string,
  tensors: readonly SafeTensorSource[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
  signal?: AbortSignal,
): Promise<void> {
  const header: [string, unknown][] = [['__metadata__', metadata]];
  let end = 0;
  const lengths = tensors.map(({ name, dtype, shape }) => {
    const length = (dtypeBits[dtype] * shape.reduce((product, extent) => product * extent, 1)) / 8;
    if (!Number.isSafeInteger(length)) throw unwritable(`tensor ${name} of ${dtype} cannot have [${shape.join(', ')}]`);
    header.push([name, { dtype, shape, data_offsets: [end, end + length] }]);
    end += length;
    return length;
  });
  if (new Set(header.map(([name]) => name)).size !== header.length) throw unwritable('a tensor name is given twice');
  // Padded with spaces so that the data starts at a multiple of eight, as readers that map the file expect.
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  await writeWhole(file, async (write) => {
    await write(size);
    await write(padded);
    for (const [index, tensor] of tensors.entries()) {
      signal?.throwIfAborted();
      const bytes = await tensor.data();
      if (bytes.byteLength !== lengths[index])
        throw unwritable(`tensor ${tensor.name} has ${bytes.byteLength} bytes of data, expected ${lengths[index]}`);
      await write(bytes);
    }
  });
}

function unwritable(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason: `Cannot write the safetensors file: ${reason}` });
}
