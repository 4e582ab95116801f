import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { dequantise, MetadataReader, readGguf, readGgufSync, readTensor } from '../src/gguf/index.ts';
import { GgufBytes } from './gguf-bytes.ts';
import { temporaryDirectory } from './temporary-directory.ts';

async function readBytes(bytes: Uint8Array): ReturnType<typeof readGguf> {
  await using directory = await temporaryDirectory();
  const file = directory.file('case.gguf');
  await writeFile(file, bytes);
  return await readGguf(file);
}

const g = (): GgufBytes => new GgufBytes();
/** A header with one key, up to its value type. */
const key = (name: string | Uint8Array, type: number): GgufBytes => g().header(0, 1).string(name).u32(type);

const malformed: [string, Uint8Array, RegExp][] = [
  ['an empty file', Buffer.alloc(0), /does not start with GGUF/],
  ['another magic', Buffer.from('GGML\x03\0\0\0'), /does not start with GGUF/],
  ['version 1', g().header(0, 0, 1).bytes(), /version 1 is not supported/],
  ['a version of the other byte order', g().header(0, 0, 0x03000000).bytes(), /version 50331648 is not supported/],
  ['a header cut short', g().raw('GGUF').u32(3).u64(0).bytes(), /ends inside its header/],
  [
    'more tensors than the limit',
    g()
      .header(2n ** 63n, 0)
      .bytes(),
    /the number of tensors is 9223372036854775808, more than 32768/,
  ],
  [
    'more keys than the limit',
    g()
      .header(0, 2n ** 64n - 1n)
      .bytes(),
    /the number of keys is/,
  ],
  ['an empty key', key('', 4).u32(0).bytes(), /key 0 is empty/],
  ['a key with a zero byte', key('a\0b', 4).u32(0).bytes(), /key 0 holds a zero byte/],
  ['a key that is not UTF-8', key(Uint8Array.of(0xff), 4).u32(0).bytes(), /key 0 is not valid UTF-8/],
  ['a key longer than the file', g().header(0, 1).u64(60_000).raw('x').bytes(), /ends inside its header/],
  [
    'a key longer than the limit',
    g().header(0, 1).u64(65_536).bytes(),
    /the length of key 0 is 65536, more than 65535/,
  ],
  [
    'the same key twice',
    g().header(0, 2).string('a').u32(4).u32(1).string('a').u32(4).u32(1).bytes(),
    /key "a" occurs twice/,
  ],
  ['an unknown value type', key('a', 13).bytes(), /key "a" has the unknown type 13/],
  ['a boolean of 2', key('a', 7).raw(Uint8Array.of(2)).bytes(), /a boolean at byte \d+ is 2/],
  ['an array of arrays', key('a', 9).u32(9).u64(1).bytes(), /holds an array of arrays/],
  [
    'an array longer than the file',
    key('a', 9).u32(4).u64(1_000_000).bytes(),
    /claims 1000000 elements, more than the file holds/,
  ],
  [
    'an array longer than the limit',
    key('a', 9)
      .u32(0)
      .u64(2n ** 40n)
      .bytes(),
    /the length of key "a" is 1099511627776/,
  ],
  [
    'a string longer than the limit',
    key('a', 8)
      .u64(2n ** 32n)
      .bytes(),
    /the length of a string of key "a"/,
  ],
  [
    'an alignment of another type',
    key('general.alignment', 8).string('32').bytes(),
    /general\.alignment has type STRING/,
  ],
  ['an alignment of 0', key('general.alignment', 4).u32(0).bytes(), /general\.alignment is 0/],
  ['an alignment of 48', key('general.alignment', 4).u32(48).bytes(), /general\.alignment is 48/],
  ['an alignment below what mapping needs', key('general.alignment', 4).u32(16).bytes(), /general\.alignment is 16/],
  ['an alignment above a page', key('general.alignment', 4).u32(8192).bytes(), /general\.alignment is 8192/],
  [
    'an alignment of 2^31',
    key('general.alignment', 4)
      .u32(2 ** 31)
      .bytes(),
    /general\.alignment is 2147483648/,
  ],
  ['no dimensions', g().header(1, 0).tensor('w', [], 0).bytes(), /has 0 dimensions/],
  ['five dimensions', g().header(1, 0).tensor('w', [1, 1, 1, 1, 1], 0).bytes(), /has 5 dimensions/],
  ['a dimension of 0', g().header(1, 0).tensor('w', [4, 0], 0).bytes(), /has a dimension of 0/],
  [
    'too many elements',
    g()
      .header(1, 0)
      .tensor('w', [2n ** 32n, 2n ** 32n], 0)
      .bytes(),
    /has too many elements/,
  ],
  [
    'a negative dimension',
    g()
      .header(1, 0)
      .tensor('w', [2n ** 64n - 1n], 0)
      .bytes(),
    /has too many elements/,
  ],
  ['an unknown tensor type', g().header(1, 0).tensor('w', [4], 0, 4).bytes(), /has the unknown type 4/],
  [
    'a row of half a block',
    g().header(1, 0).tensor('w', [48], 0, 8).bytes(),
    /rows of 48 elements, not whole blocks of Q8_0/,
  ],
  ['an empty tensor name', g().header(1, 0).tensor('', [4], 0).bytes(), /the name of tensor 0 is empty/],
  [
    'a tensor name of 64 bytes',
    g().header(1, 0).tensor('w'.repeat(64), [4], 0).bytes(),
    /the length of the name of tensor 0 is 64/,
  ],
  [
    'the same tensor twice',
    g().header(2, 0).tensor('w', [8], 0).tensor('w', [8], 32).bytes(),
    /tensor "w" occurs twice/,
  ],
  [
    'data behind the end of the file',
    g().header(1, 0).tensor('w', [8], 0).pad().raw(Buffer.alloc(31)).bytes(),
    /tensor "w" ends at byte \d+/,
  ],
  [
    'sizes whose sum overflows',
    g()
      .header(1, 0)
      .tensor('w', [2n ** 61n], 0)
      .bytes(),
    /tensor "w" ends at byte/,
  ],
  [
    'overlapping tensors',
    g().header(2, 0).tensor('a', [8], 0).tensor('b', [8], 0).pad().raw(Buffer.alloc(64)).bytes(),
    /tensor "b" is at offset 0, expected 32/,
  ],
  [
    'a gap between tensors',
    g().header(2, 0).tensor('a', [8], 0).tensor('b', [8], 64).pad().raw(Buffer.alloc(128)).bytes(),
    /expected 32/,
  ],
  [
    'an unaligned tensor',
    g().header(2, 0).tensor('a', [2], 0).tensor('b', [8], 8).pad().raw(Buffer.alloc(128)).bytes(),
    /expected 32/,
  ],
  [
    'an offset of 2^64 - 1',
    g()
      .header(1, 0)
      .tensor('w', [8], 2n ** 64n - 1n)
      .bytes(),
    /tensor "w" is at offset 18446744073709551615/,
  ],
];

describe('readGguf', () => {
  it.each(malformed)('refuses %s', async (_, bytes, reason) => {
    await expect(readBytes(bytes)).rejects.toMatchObject({
      code: 'invalid_model_file',
      message: expect.stringMatching(reason) as string,
    });
  });

  it('describes a right file: values of every type, tensors in place', async () => {
    const bytes = g()
      .header(2, 4)
      .string('small')
      .u32(1)
      .raw(Uint8Array.of(0xff))
      .string('big')
      .u32(10)
      .u64(2n ** 64n - 1n)
      .string('text')
      .u32(8)
      .string('größer 你')
      .string('list')
      .u32(9)
      .u32(8)
      .u64(2)
      .string('a')
      .string('')
      .tensor('first', [3, 2], 0)
      .tensor('second', [64], 32, 8)
      .pad()
      .raw(Float32Array.of(1, 2, 3, 4, 5, 6))
      .raw(Buffer.alloc(8))
      .raw(Buffer.alloc(68))
      .bytes();
    const file = await readBytes(bytes);
    expect([...file.metadata]).toEqual([
      ['small', { type: 'INT8', value: -1 }],
      ['big', { type: 'UINT64', value: 2n ** 64n - 1n }],
      ['text', { type: 'STRING', value: 'größer 你' }],
      ['list', { type: 'ARRAY', items: 'STRING', value: ['a', ''] }],
    ]);
    expect(file).toMatchObject({ version: 3, alignment: 32, fileSize: bytes.length });
    expect(file.tensors).toEqual([
      { name: 'first', shape: [3, 2], type: 'F32', offset: file.dataOffset, byteLength: 24 },
      { name: 'second', shape: [64], type: 'Q8_0', offset: file.dataOffset + 32, byteLength: 68 },
    ]);
  });

  it('reads headers longer than its first read, both ways alike', async () => {
    await using directory = await temporaryDirectory();
    const tokens = Array.from({ length: 100_000 }, (_, index) => `token number ${index}`);
    const bytes = key('tokens', 9).u32(8).u64(tokens.length);
    for (const token of tokens) bytes.string(token);
    await writeFile(directory.file('long.gguf'), bytes.bytes());
    const file = await readGguf(directory.file('long.gguf'));
    expect(file.metadata.get('tokens')?.value).toEqual(tokens);
    expect(readGgufSync(directory.file('long.gguf'))).toEqual(file);
  });

  it('refuses directories and passes on that a file is missing', async () => {
    await using directory = await temporaryDirectory();
    await expect(readGguf(directory.path)).rejects.toMatchObject({ code: 'invalid_model_file' });
    await expect(readGguf(directory.file('missing.gguf'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('does not let a claimed size decide how much memory it takes', async () => {
    const before = process.memoryUsage().rss;
    const claims = key('a', 9).u32(8).u64(8_000_000).raw(Buffer.alloc(1024)).bytes();
    await expect(readBytes(claims)).rejects.toMatchObject({ code: 'invalid_model_file' });
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });
});

describe('readTensor', () => {
  it('returns the stored bytes, and says when the file became shorter', async () => {
    await using directory = await temporaryDirectory();
    const path = directory.file('one.gguf');
    const data = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    await writeFile(path, g().header(1, 0).tensor('w', [2, 4], 0).pad().raw(data).bytes());
    const [tensor] = (await readGguf(path)).tensors;
    expect([...dequantise('F32', await readTensor(path, tensor!))]).toEqual([...data]);
    await expect(readTensor(path, { ...tensor!, byteLength: 64 })).rejects.toMatchObject({
      code: 'invalid_model_file',
    });
  });
});

describe('MetadataReader', () => {
  it('gives typed values and names the key that has another type', () => {
    const metadata = new MetadataReader(
      new Map([
        ['n', { type: 'UINT64', value: 5n }],
        ['huge', { type: 'UINT64', value: 2n ** 60n + 1n }],
        ['s', { type: 'STRING', value: 'x' }],
        ['list', { type: 'ARRAY', items: 'INT32', value: [1, 2] }],
      ]),
      '/secret/place/m.gguf',
    );
    expect(metadata.number('n')).toBe(5);
    expect(metadata.number('absent')).toBeUndefined();
    expect(metadata.numbers('list')).toEqual([1, 2]);
    expect(() => metadata.number('huge')).toThrow('Model file m.gguf is not usable: huge is not a number');
    expect(() => metadata.strings('list')).toThrow(/list is not an array of strings/);
    expect(() => metadata.requireString('absent')).toThrow(/the metadata has no absent/);
  });
});
