import { readdir, readFile, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAtelierError } from '@atelier/errors';
import { type GgmlType, ggmlTypes, readGguf, readTensor, tensorBytes, writeGguf } from '../src/gguf/index.ts';
import type { GgufValue } from '../src/gguf/values.ts';
import { loadNative } from '../src/index.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const text = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((value) => value.isWellFormed() && !value.includes('\0'));
const float32 = fc.float({ noNaN: true });
const scalars = {
  UINT8: fc.integer({ min: 0, max: 255 }),
  INT8: fc.integer({ min: -128, max: 127 }),
  UINT16: fc.integer({ min: 0, max: 65_535 }),
  INT16: fc.integer({ min: -32_768, max: 32_767 }),
  UINT32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  INT32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  FLOAT32: float32,
  FLOAT64: fc.double({ noNaN: true }),
  UINT64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  BOOL: fc.boolean(),
  STRING: text,
} as const;
const types = Object.keys(scalars) as (keyof typeof scalars)[];
const value = fc.constantFrom(...types).chain((type): fc.Arbitrary<GgufValue> => {
  const one = scalars[type] as fc.Arbitrary<never>;
  return fc.oneof(
    one.map((single) => ({ type, value: single }) as GgufValue),
    fc.array(one, { maxLength: 6 }).map((list) => ({ type: 'ARRAY', items: type, value: list }) as GgufValue),
  );
});
const tensor = fc
  .record({
    type: fc.constantFrom(...(Object.keys(ggmlTypes) as GgmlType[])),
    blocks: fc.integer({ min: 1, max: 3 }),
    rest: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
    fill: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ type, blocks, rest, fill }) => ({ type, shape: [blocks * ggmlTypes[type].blockElements, ...rest], fill }));
const content = fc.record({
  metadata: fc.uniqueArray(
    fc.tuple(
      text.filter((key) => key !== '' && key !== 'general.alignment'),
      value,
    ),
    {
      maxLength: 8,
      selector: ([key]) => key,
    },
  ),
  tensors: fc.array(tensor, { maxLength: 5 }),
  alignment: fc.constantFrom(undefined, 32, 64, 4096),
});
type Content = typeof content extends fc.Arbitrary<infer T> ? T : never;

async function write(path: string, { metadata, tensors, alignment }: Content): Promise<void> {
  const aligned: [string, GgufValue][] = alignment ? [['general.alignment', { type: 'UINT32', value: alignment }]] : [];
  await writeGguf(path, {
    metadata: [...aligned, ...metadata],
    tensors: tensors.map(({ type, shape, fill }, index) => ({
      name: `tensor.${index}`,
      type,
      shape,
      data: () => new Uint8Array(Number(tensorBytes(type, shape))).fill(fill),
    })),
  });
}

describe('writeGguf', () => {
  it('writes what readGguf reads back, and what native code accepts', async () => {
    await using directory = await temporaryDirectory();
    const native = loadNative({ gpu: 'off' });
    const path = directory.file('round-trip.gguf');
    await fc.assert(
      fc.asyncProperty(content, async (sample) => {
        await write(path, sample);
        const file = await readGguf(path);
        expect([...file.metadata].filter(([key]) => key !== 'general.alignment')).toEqual(sample.metadata);
        expect(file.alignment).toBe(sample.alignment ?? 32);
        expect(file.tensors.map(({ type, shape }) => ({ type, shape }))).toEqual(
          sample.tensors.map(({ type, shape }) => ({ type, shape })),
        );
        for (const [index, tensor] of file.tensors.entries()) {
          const bytes = await readTensor(path, tensor);
          expect(bytes.every((byte) => byte === sample.tensors[index]?.fill)).toBe(true);
        }
        const context = native.c.gguf_init_from_file(path, { no_alloc: true, ctx: null });
        expect(context).not.toBeNull();
        expect(native.c.gguf_get_n_tensors(context)).toBe(sample.tensors.length);
        expect(native.c.gguf_get_n_kv(context)).toBe(file.metadata.size);
        if (sample.tensors.length > 0) expect(native.c.gguf_get_data_offset(context)).toBe(file.dataOffset);
        native.c.gguf_free(context);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves files that, with any bytes changed or cut, are read or refused but never more', async () => {
    await using directory = await temporaryDirectory();
    const path = directory.file('mutant.gguf');
    const mutation = fc.record({
      sample: content,
      changes: fc.array(fc.record({ at: fc.nat(), byte: fc.constantFrom(0, 1, 127, 128, 255) }), {
        minLength: 1,
        maxLength: 6,
      }),
      cut: fc.option(fc.nat(), { nil: undefined }),
    });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutation, async ({ sample, changes, cut }) => {
        await write(path, sample);
        const bytes = await readFile(path);
        const header = (await readGguf(path)).dataOffset;
        for (const { at, byte } of changes) bytes[at % header] = byte;
        await writeFile(path, cut === undefined ? bytes : bytes.subarray(0, cut % bytes.length));
        try {
          await readGguf(path);
        } catch (error) {
          expect(isAtelierError(error) && error.code).toBe('invalid_model_file');
          refused++;
        }
      }),
      { numRuns: 150 },
    );
    expect(refused).toBeGreaterThan(50);
  });

  it('replaces a file only when the new one is whole', async () => {
    await using directory = await temporaryDirectory();
    const path = directory.file('model.gguf');
    await writeFile(path, 'the old content');
    const broken = [
      { name: 'fine', shape: [2], type: 'F32' as const, data: () => new Uint8Array(8) },
      { name: 'short', shape: [2], type: 'F32' as const, data: () => new Uint8Array(7) },
    ];
    await expect(writeGguf(path, { metadata: [], tensors: broken })).rejects.toThrow(
      /tensor short has 7 bytes of data, expected 8/,
    );
    const failing = [{ name: 'w', shape: [2], type: 'F32' as const, data: () => Promise.reject(new Error('no data')) }];
    await expect(writeGguf(path, { metadata: [], tensors: failing })).rejects.toThrow('no data');
    const one = [broken[0]!];
    await expect(writeGguf(path, { metadata: [], tensors: one }, AbortSignal.abort())).rejects.toThrow(/abort/i);
    expect(await readFile(path, 'utf8')).toBe('the old content');
    expect(await readdir(directory.path)).toEqual(['model.gguf']);
    await writeGguf(path, { metadata: [], tensors: one });
    expect((await readGguf(path)).tensors).toHaveLength(1);
    expect(await readdir(directory.path)).toEqual(['model.gguf']);
  });

  it.each<[string, Parameters<typeof writeGguf>[1]]>([
    ['a number out of its type', { metadata: [['a', { type: 'UINT8', value: 256 }]], tensors: [] }],
    ['a fraction as an integer', { metadata: [['a', { type: 'INT32', value: 1.5 }]], tensors: [] }],
    [
      'a key given twice',
      {
        metadata: [
          ['a', { type: 'BOOL', value: true }],
          ['a', { type: 'BOOL', value: true }],
        ],
        tensors: [],
      },
    ],
    ['a text with half a surrogate pair', { metadata: [['a', { type: 'STRING', value: '\ud800' }]], tensors: [] }],
    ['a text with a zero byte', { metadata: [['a', { type: 'STRING', value: 'a\0b' }]], tensors: [] }],
    ['an alignment of 48', { metadata: [['general.alignment', { type: 'UINT32', value: 48 }]], tensors: [] }],
    [
      'an empty dimension',
      { metadata: [], tensors: [{ name: 'w', shape: [4, 0], type: 'F32', data: () => new Uint8Array(0) }] },
    ],
    [
      'half a block',
      { metadata: [], tensors: [{ name: 'w', shape: [48], type: 'Q8_0', data: () => new Uint8Array(51) }] },
    ],
    [
      'a long tensor name',
      { metadata: [], tensors: [{ name: 'w'.repeat(64), shape: [1], type: 'F32', data: () => new Uint8Array(4) }] },
    ],
  ])('refuses %s and writes nothing', async (_, wrong) => {
    await using directory = await temporaryDirectory();
    await expect(writeGguf(directory.file('w.gguf'), wrong)).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await readdir(directory.path)).toEqual([]);
  });
});
