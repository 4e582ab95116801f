import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { applyHead, embeddingOf, encodeHead, joinHidden, parseHead, readHead, type Head } from '../src/index.ts';

const head: Head = {
  task: 'classification',
  pooling: 'mean',
  normalise: false,
  width: 2,
  targets: [
    { name: 'tone', kind: 'single', labels: ['good', 'bad'] },
    { name: 'topics', kind: 'multi', labels: ['cars'] },
    { name: 'stars', kind: 'scalar', labels: [] },
  ],
  weight: new Float32Array([1, 0, 0, 1, 2, 2, 0.5, -1]),
  bias: new Float32Array([0, 1, 0, 3]),
};

it('comes back from its file as it was', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'head-'));
  expect(await readHead(directory)).toBeUndefined();
  await writeFile(path.join(directory, 'head.json'), JSON.stringify(encodeHead(head)));
  expect(await readHead(directory)).toEqual(head);
  await rm(directory, { recursive: true });
});

it('gives softmax, sigmoids and numbers', () => {
  const [tone, topics, stars] = applyHead(head, new Float32Array([2, 1]));
  expect(tone).toEqual({ name: 'tone', kind: 'single', labels: ['good', 'bad'], values: [0.5, 0.5] });
  expect(topics!.values[0]).toBeCloseTo(1 / (1 + Math.exp(-6)), 12);
  expect(stars!.values).toEqual([3]);
  expect(() => applyHead(head, new Float32Array(3))).toThrow(RangeError);
});

it('joins hidden states, and brings an embedding to length 1', () => {
  const states = [new Float32Array([1, 0]), new Float32Array([0, 3]), new Float32Array([2, 3])];
  expect(joinHidden('mean', states)).toEqual(new Float32Array([1, 2]));
  expect(joinHidden('cls', states)).toEqual(states[0]);
  expect(joinHidden('last', states)).toEqual(states[2]);
  expect(embeddingOf({ normalise: true }, new Float32Array([3, 4]))).toEqual(new Float32Array([0.6, 0.8]));
  expect(embeddingOf({ normalise: true }, new Float32Array(2))).toEqual(new Float32Array(2));
  expect(embeddingOf({ normalise: false }, new Float32Array([3, 4]))).toEqual(new Float32Array([3, 4]));
});

it.each([
  ['not JSON', '{', 'JSON'],
  ['an unknown pooling', { pooling: 'max' }, 'pooling'],
  ['labels of a scalar', { targets: [{ name: 'a', kind: 'scalar', labels: ['x'] }] }, 'targets.0.labels'],
  ['a class without labels', { targets: [{ name: 'a', kind: 'single', labels: [] }] }, 'targets.0.labels'],
  ['too few weights', { weight: 'AAAA' }, 'weight'],
  ['numbers that are none', { bias: Buffer.from(new Float32Array([NaN, 0, 0, 0]).buffer).toString('base64') }, 'bias'],
])('refuses a file with %s, and names the field', (_, change, field) => {
  const text = typeof change === 'string' ? change : JSON.stringify({ ...encodeHead(head), ...change });
  expect(() => parseHead(text, 'head.json')).toThrow(expect.objectContaining({ code: 'invalid_model_file' }));
  expect(() => parseHead(text, 'head.json')).toThrow(field);
});

it('refuses any mutation of a file or reads it, but never fails otherwise', () => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(encodeHead(head))), fc.jsonValue(), (key, value) => {
      try {
        parseHead(JSON.stringify({ ...encodeHead(head), [key]: value }), 'head.json');
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_model_file' });
      }
    }),
  );
});
