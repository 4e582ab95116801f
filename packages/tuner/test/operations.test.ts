import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/graph/device.ts';
import { download, Memory, upload } from '../src/graph/memory.ts';
import type { Tensor } from '../src/graph/operators.ts';
import { contextBytes, Program } from '../src/graph/program.ts';
import { I32, Tape } from '../src/graph/tape.ts';
import { elements, type Value } from '../src/graph/value.ts';
import { attention } from '../src/operations/attention.ts';
import { crossEntropy } from '../src/operations/cross-entropy.ts';
import { outputNorms, rescale } from '../src/operations/dora.ts';
import { add, addBias, scale, swiglu } from '../src/operations/elementwise.ts';
import { geglu, gelu } from '../src/operations/gelu.ts';
import { layerNorm } from '../src/operations/layer-norm.ts';
import { reshape, splitColumns } from '../src/operations/layout.ts';
import { normalise, rowDots } from '../src/operations/cosine.ts';
import { linear } from '../src/operations/linear.ts';
import { pool } from '../src/operations/pooling.ts';
import { addGiven, sigmoidLoss, softmaxLoss, squaredLoss } from '../src/operations/row-losses.ts';
import { rmsNorm } from '../src/operations/rms-norm.ts';
import { rope } from '../src/operations/rope.ts';
import { firstRow, gatherRows } from '../src/operations/rows.ts';
import { fillNormal, randomStream } from '../src/random.ts';
import { devices } from './devices.ts';
import { gradientError } from './gradients.ts';

/** F32 central differences at this step are good to a few parts in a thousand. */
const tolerance = 8e-3;

describe.each(devices)('gradients with products on $products', ({ options }) => {
  let device: Device;
  beforeAll(() => {
    device = Device.open(options);
  });
  afterAll(() => device[Symbol.dispose]());

  const check = (
    shapes: Record<string, readonly number[]>,
    build: Parameters<typeof gradientError>[2],
    fill?: () => void,
    step?: number,
  ): void => {
    expect(gradientError(device, shapes, build, { ...(fill && { fill }), ...(step && { step }) })).toBeLessThan(
      tolerance,
    );
  };

  it('linear', () => check({ w: [8, 6], x: [8, 5] }, (tape, { w, x }) => linear(tape, w!, x!)));

  it('linear with a low-rank addition', () =>
    check({ w: [8, 6], x: [8, 5], a: [8, 3], b: [3, 6] }, (tape, { w, x, a, b }) =>
      linear(tape, w!, x!, { a: a!, b: b!, scale: 0.7 }),
    ));

  it('linear with dropout', () => {
    let mask: Value | undefined;
    check(
      { w: [8, 6], x: [8, 5], a: [8, 3], b: [3, 6] },
      (tape, { w, x, a, b }, memory) => {
        mask = { name: 'mask', shape: [8, 5], tensor: memory.reserve([8, 5]), needsGradient: false };
        return linear(tape, w!, x!, { a: a!, b: b!, scale: 0.7, dropoutMask: mask });
      },
      () =>
        upload(
          device,
          mask!.tensor,
          Float32Array.from({ length: 40 }, (_, i) => (i % 3 === 0 ? 0 : 1.5)),
        ),
    );
  });

  it('rescale, with a low-rank addition and constant norms', () => {
    let norms: ReturnType<typeof device.c.ggml_new_tensor_1d>;
    check(
      { w: [8, 6], x: [8, 5], a: [8, 3], b: [3, 6], m: [6] },
      (tape, { w, x, a, b, m }, memory) => {
        norms = memory.reserve([6]);
        return rescale(tape, linear(tape, w!, x!, { a: a!, b: b!, scale: 0.7 }), m!, norms);
      },
      () => upload(device, norms, new Float32Array([1, 2, 0.5, 3, 1, 4])),
    );
  });

  it('outputNorms are those of the merged matrix', () => {
    const content = new Map<string, Float32Array>();
    const sizes = { w: [8, 6], a: [8, 3], b: [3, 6], squares: [6] };
    using memory = new Memory(device, 8);
    const context = device.c.ggml_init({
      mem_size: contextBytes(device.c, 256),
      mem_buffer: null,
      no_alloc: true,
    });
    const value = (name: keyof typeof sizes): Value => ({
      name,
      shape: sizes[name],
      tensor: memory.reserve(sizes[name]),
      needsGradient: false,
    });
    const [w, a, b, squares] = [value('w'), value('a'), value('b'), value('squares')];
    memory.allocate();
    for (const [index, input] of [w, a, b].entries()) {
      const data = new Float32Array(elements(input.shape));
      fillNormal(data, randomStream(9, index), 1);
      content.set(input.name, data);
      upload(device, input.tensor, data);
    }
    const at = (name: string, column: number, row: number): number =>
      content.get(name)![row * sizes[name as 'w'][0]! + column]!;
    const sum = (count: number, term: (i: number) => number): number =>
      Array.from({ length: count }, (_, i) => term(i)).reduce((total, t) => total + t, 0);
    upload(
      device,
      squares.tensor,
      Float32Array.from({ length: 6 }, (_, o) => sum(8, (i) => at('w', i, o) ** 2)),
    );
    const tape = new Tape(device.c, context, device.blas !== undefined);
    const norms = outputNorms(tape, w, { a, b, scale: 0.7 }, squares.tensor);
    using program = new Program(device, tape, [norms]);
    program.run();
    const found = download(device, norms);
    for (let o = 0; o < 6; o++) {
      const merged = (i: number): number => at('w', i, o) + 0.7 * sum(3, (r) => at('b', r, o) * at('a', i, r));
      expect(found[o]).toBeCloseTo(Math.sqrt(sum(8, (i) => merged(i) ** 2)), 4);
    }
    device.c.ggml_free(context);
  });

  it('sums of products into one value', () =>
    check({ w: [8, 8], x: [8, 5] }, (tape, { w, x }) => {
      const inner = linear(tape, w!, x!);
      return add(tape, inner, add(tape, linear(tape, w!, inner), linear(tape, w!, inner)));
    }));

  it('add and bias', () =>
    check({ x: [8, 5], y: [8, 5], b: [8] }, (tape, { x, y, b }) => addBias(tape, add(tape, x!, y!), b!)));

  it('swiglu', () => check({ gate: [8, 5], up: [8, 5] }, (tape, { gate, up }) => swiglu(tape, gate!, up!)));

  it('rmsNorm', () => check({ x: [8, 5], w: [8] }, (tape, { x, w }) => rmsNorm(tape, x!, w!, 1e-5)));

  it.each([0, 2])('rope, mode %i', (mode) => {
    let positions: ReturnType<typeof device.c.ggml_new_tensor_1d>;
    check(
      { x: [16, 5] },
      (tape, { x }, memory) => {
        positions = memory.reserve([5], I32);
        return rope(tape, x!, 8, {
          positions,
          factors: null,
          dimensions: 8,
          mode,
          originalContext: 64,
          base: 100,
          frequencyScale: 1,
          extensionFactor: 0,
          attentionFactor: 1,
          betaFast: 32,
          betaSlow: 1,
        });
      },
      () => upload(device, positions, new Int32Array([0, 1, 2, 3, 9])),
    );
  });

  it('scale', () => check({ x: [8, 5] }, (tape, { x }) => scale(tape, x!, 3)));

  it('layerNorm', () => check({ x: [8, 5], w: [8], b: [8] }, (tape, { x, w, b }) => layerNorm(tape, x!, w!, b!, 1e-5)));

  // ggml looks gelu up in a table of half-precision numbers, which a small step would drown in.
  it('gelu', () => check({ x: [8, 5] }, (tape, { x }) => gelu(tape, x!), undefined, 0.1));

  it('geglu', () =>
    check({ gate: [8, 5], up: [8, 5] }, (tape, { gate, up }) => geglu(tape, gate!, up!), undefined, 0.1));

  it('splitColumns and reshape', () =>
    check({ x: [9, 5] }, (tape, { x }) => {
      const [a, b, d] = splitColumns(tape, x!, [3, 3, 3]);
      return swiglu(tape, reshape(tape, add(tape, a!, scale(tape, b!, 2)), [5, 3]), reshape(tape, d!, [5, 3]));
    }));

  it('firstRow', () =>
    check({ x: [8, 5], table: [8, 3] }, (tape, { x, table }) => addBias(tape, x!, firstRow(tape, table!))));

  it('gatherRows', () => {
    let indices: ReturnType<typeof device.c.ggml_new_tensor_1d>;
    check(
      { x: [8, 5] },
      (tape, { x }, memory) => gatherRows(tape, x!, (indices = memory.reserve([4], I32)), 4, 'picked'),
      () => upload(device, indices, new Int32Array([4, 0, 4, 2])),
    );
  });

  it.each([
    { heads: 2, kvHeads: 2, scale: 0.5, scoreCap: 0 },
    { heads: 4, kvHeads: 2, scale: 0.5, scoreCap: 0 },
    { heads: 4, kvHeads: 2, scale: 0.4, scoreCap: 1.5 },
  ])(
    'attention, $heads heads on $kvHeads, scores capped at $scoreCap',
    ({ heads, kvHeads, scale: factor, scoreCap }) => {
      let mask: ReturnType<typeof device.c.ggml_new_tensor_1d>;
      const [headSize, length, bins] = [4, 6, 2];
      check(
        {
          q: [headSize * heads, length * bins],
          k: [headSize * kvHeads, length * bins],
          v: [headSize * kvHeads, length * bins],
        },
        (tape, { q, k, v }, memory) => {
          mask = memory.reserve([length, length, 1, bins]);
          return attention(tape, q!, k!, v!, mask, { headSize, heads, kvHeads, length, bins, scale: factor, scoreCap });
        },
        // Two rows share the second bin: its positions 3.. do not see 0..2.
        () =>
          upload(
            device,
            mask,
            Float32Array.from({ length: length * length * bins }, (_, i) => {
              const [key, query, bin] = [i % length, Math.floor(i / length) % length, Math.floor(i / length ** 2)];
              return key <= query && !(bin === 1 && query >= 3 && key < 3) ? 0 : -Infinity;
            }),
          ),
      );
    },
  );

  it.each([0, 2])('crossEntropy of logits capped at %d', (cap) => {
    const [vocabulary, rows] = [11, 4];
    let targets: ReturnType<typeof device.c.ggml_new_tensor_1d>;
    let weights: typeof targets;
    check(
      { w: [8, vocabulary], x: [8, rows] },
      (tape, { w, x }, memory) => {
        targets = memory.reserve([rows], I32);
        weights = memory.reserve([rows]);
        const { loss } = crossEntropy(tape, { weight: w!, cap }, { x: x!, labels: { rows, targets, weights } }, true);
        // The operation emits its own gradients, of the loss itself: report the loss against a probe of 1.
        return { name: 'loss', tensor: loss, shape: [1], needsGradient: false };
      },
      () => {
        upload(
          device,
          targets,
          Int32Array.from([3, 0, 10, 7], (target, row) => row * vocabulary + target),
        );
        upload(device, weights, new Float32Array([1, 0.5, 2, 0]));
      },
    );
  });

  /** A tensor that is given, with its numbers. */
  const givenTensor = (memory: Memory, shape: readonly number[]): Tensor => memory.reserve(shape);
  const spread = (count: number, at: (i: number) => number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => at(i));

  it('pool', () => {
    let rowOf: Tensor;
    let share: Tensor;
    check(
      { x: [8, 5] },
      (tape, { x }, memory) => {
        rowOf = memory.reserve([5], I32);
        share = givenTensor(memory, [1, 5]);
        return pool(tape, x!, { rowOf, share }, 3);
      },
      () => {
        upload(device, rowOf, new Int32Array([2, 0, 2, 0, 0]));
        upload(device, share, new Float32Array([0.5, 1, 0.5, -2, 0]));
      },
    );
  });

  it('normalise', () => check({ x: [8, 5] }, (tape, { x }) => normalise(tape, x!, 3)));

  it('rowDots', () => check({ a: [8, 5], b: [8, 5] }, (tape, { a, b }) => rowDots(tape, a!, b!)));

  it('addGiven', () => {
    let given: Tensor;
    check(
      { x: [8, 5] },
      (tape, { x }, memory) => addGiven(tape, x!, (given = givenTensor(memory, [8, 5]))),
      () =>
        upload(
          device,
          given,
          spread(40, (i) => i / 7),
        ),
    );
  });

  it.each([
    {
      name: 'softmaxLoss',
      loss: softmaxLoss,
      weights: [1, 4],
      target: (i: number) => (i % 6 === 2 ? 0.75 : i % 6 === 4 ? 0.25 : 0),
    },
    { name: 'sigmoidLoss', loss: sigmoidLoss, weights: [6, 4], target: (i: number) => i % 2 },
    { name: 'squaredLoss', loss: squaredLoss, weights: [6, 4], target: (i: number) => i / 9 - 1 },
  ])('$name', ({ loss, weights: weightShape, target }) => {
    let targets: Tensor;
    let weights: Tensor;
    const count = weightShape[0]! * weightShape[1]!;
    check(
      // Through a product, so that the gradient meets one as it does in training.
      { w: [8, 6], x: [8, 4] },
      (tape, { w, x }, memory) => {
        targets = givenTensor(memory, [6, 4]);
        weights = givenTensor(memory, weightShape);
        const tensor = loss(tape, linear(tape, w!, x!), targets, weights, true);
        return { name: 'loss', tensor, shape: [1], needsGradient: false };
      },
      () => {
        upload(device, targets, spread(24, target));
        upload(
          device,
          weights,
          spread(count, (i) => (i % 3) / 2),
        );
      },
    );
  });
});
