import { readFile, writeFile } from 'node:fs/promises';
import { isAtelierError } from '@atelier/errors';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readTensorFolder } from '../src/safetensors/folder.ts';
import { readSafetensors } from '../src/safetensors/read.ts';
import { writeSafetensors } from '../src/safetensors/write.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A file of this header, as text or as an object, and so many bytes of data. */
function fileOf(header: unknown, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

const f32 = (shape: number[], begin: number, end: number): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

it('reads back what it wrote, whatever the names, shapes and types', async () => {
  await using directory = await temporaryDirectory();
  const file = directory.path('model.safetensors');
  const tensor = fc.record({
    dtype: fc.constantFrom('F32' as const, 'F16' as const, 'BF16' as const, 'I64' as const, 'U8' as const),
    shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
  });
  const name = fc
    .string({ minLength: 1, maxLength: 20 })
    .filter((text) => text !== '__metadata__' && text !== '__proto__' && text.isWellFormed());
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, tensor), fc.dictionary(name, fc.string()), async (tensors, metadata) => {
      const bytes = { F32: 4, F16: 2, BF16: 2, I64: 8, U8: 1 };
      const sources = Object.entries(tensors).map(([key, { dtype, shape }]) => {
        const data = new Uint8Array(shape.reduce((a, b) => a * b, bytes[dtype])).map((_, index) => index * 7);
        return { name: key, dtype, shape, data: () => data };
      });
      await writeSafetensors(file, sources, metadata);
      const read = await readSafetensors(file);
      const content = await readFile(file);
      expect({ ...read.metadata }).toEqual({ ...metadata });
      const expected = sources.map(({ name: key, dtype, shape, data }) => ({
        key,
        dtype,
        shape,
        data: Buffer.from(data()),
      }));
      const found = read.tensors.map(({ name: key, dtype, shape, offset, byteLength }) => ({
        key,
        dtype,
        shape,
        data: content.subarray(offset, offset + byteLength),
      }));
      const order = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : 1);
      expect(found.toSorted(order)).toEqual(expected.toSorted(order));
    }),
    { numRuns: 40 },
  );
});

it.each([
  ['is empty', Buffer.alloc(0), 'shorter than the length of its header'],
  ['claims a header beyond its end', fileOf({}, 0).fill(255, 0, 2), 'more than the file'],
  ['claims a header beyond the limit', Buffer.alloc(16, 255), 'more than 100000000'],
  ['is not JSON', fileOf('{"a":', 0), 'not JSON'],
  ['is not an object', fileOf('[]', 0), 'not a JSON object'],
  ['is not UTF-8', fileOf('{"a":1}', 0).fill(255, 10, 11), 'not valid UTF-8'],
  ['has metadata that are no strings', fileOf({ __metadata__: { a: 1 } }, 0), '__metadata__'],
  ['has an unknown type', fileOf({ a: { dtype: 'F128', shape: [1], data_offsets: [0, 4] } }, 4), '"a", dtype'],
  ['has a negative size', fileOf({ a: f32([-1], 0, 4) }, 4), '"a", shape.0'],
  ['has a fractional offset', fileOf({ a: f32([1], 0.5, 4.5) }, 4), '"a", data_offsets.0'],
  ['has an unknown field', fileOf({ a: { ...f32([1], 0, 4), more: 1 } }, 4), 'more'],
  ['has offsets that do not fit the shape', fileOf({ a: f32([2], 0, 4) }, 4), 'takes 8 bytes, its offsets span 4'],
  ['has a product beyond 64 bits', fileOf({ a: f32(Array(8).fill(2 ** 50), 0, 4) }, 4), 'its offsets span 4'],
  ['has offsets backwards', fileOf({ a: f32([1], 4, 0) }, 4), 'its offsets span -4'],
  ['has an overlap', fileOf({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), '"b" overlaps'],
  ['has a gap', fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), '"b" leaves a gap'],
  ['ends inside a tensor', fileOf({ a: f32([2], 0, 8) }, 4), 'ends at byte'],
  ['goes on after its tensors', fileOf({ a: f32([1], 0, 4) }, 5), '1 bytes follow'],
  ['has half a byte', fileOf({ a: { dtype: 'F4', shape: [1], data_offsets: [0, 0] } }, 0), 'whole bytes'],
])('refuses a file that %s', async (_, content, reason) => {
  await using directory = await temporaryDirectory();
  const file = directory.path('model.safetensors');
  await writeFile(file, content);
  await expect(readSafetensors(file)).rejects.toThrow(reason);
  await expect(readSafetensors(file)).rejects.toMatchObject({
    code: 'invalid_model_file',
    details: { file: 'model.safetensors' },
  });
});

it('gives a clear error or a true description for any damage', async () => {
  await using directory = await temporaryDirectory();
  const file = directory.path('model.safetensors');
  const whole = fileOf({ __metadata__: { format: 'pt' }, a: f32([2, 3], 0, 24), b: f32([1], 24, 28) }, 28);
  const change = fc.tuple(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 0, max: 255 }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.nat({ max: whole.length }),
      async (changes, cut) => {
        const damaged = Buffer.from(whole);
        for (const [at, value] of changes) damaged[at] = value;
        const content = cut % 3 === 0 ? damaged.subarray(0, cut) : damaged;
        await writeFile(file, content);
        const result = await readSafetensors(file).catch((error: unknown) => error);
        if (isAtelierError(result)) return;
        const { tensors } = result as Awaited<ReturnType<typeof readSafetensors>>;
        for (const { offset, byteLength } of tensors) expect(offset + byteLength).toBeLessThanOrEqual(content.length);
      },
    ),
    { numRuns: 300 },
  );
});

it('refuses to write a name twice or data of another length, and leaves nothing behind', async () => {
  await using directory = await temporaryDirectory();
  const file = directory.path('out.safetensors');
  const tensor = { name: 'a', dtype: 'F32' as const, shape: [2], data: () => new Uint8Array(8) };
  await expect(writeSafetensors(file, [tensor, tensor])).rejects.toThrow('given twice');
  await expect(writeSafetensors(file, [{ ...tensor, data: () => new Uint8Array(7) }])).rejects.toThrow(
    '7 bytes of data, expected 8',
  );
  await expect(readFile(file)).rejects.toThrow('ENOENT');
});

it.each([
  ['a path out of the folder', { a: '../secret.safetensors' }, 'not the name of a safetensors file beside it'],
  ['a file that is not there', { a: 'gone.safetensors' }, 'which is missing'],
  ['a tensor that no file has', { a: 'one.safetensors', b: 'one.safetensors' }, '"b", which no file has'],
  ['a tensor in another file', { b: 'one.safetensors' }, 'does not place tensor "a"'],
])('refuses an index that names %s', async (_, places, reason) => {
  await using directory = await temporaryDirectory();
  await writeSafetensors(directory.path('one.safetensors'), [
    { name: 'a', dtype: 'U8', shape: [1], data: () => new Uint8Array(1) },
  ]);
  await writeFile(directory.path('model.safetensors.index.json'), JSON.stringify({ weight_map: places }));
  await expect(readTensorFolder(directory.path('.'))).rejects.toThrow(reason);
});
