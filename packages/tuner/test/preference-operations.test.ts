import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/graph/device.ts';
import { download, Memory, upload } from '../src/graph/memory.ts';
import type { Tensor } from '../src/graph/operators.ts';
import { contextBytes, Program } from '../src/graph/program.ts';
import { I32, Tape } from '../src/graph/tape.ts';
import type { Value } from '../src/graph/value.ts';
import { affine, clip, logOdds, logSigmoid, sigmoid, weighted } from '../src/operations/functions.ts';
import { logLikelihood } from '../src/operations/log-likelihood.ts';
import { segmentSums } from '../src/operations/segment-sums.ts';
import { devices } from './devices.ts';
import { gradientError } from './gradients.ts';

const tolerance = 8e-3;

describe.each(devices)('gradients with products on $products', ({ options }) => {
  let device: Device;
  beforeAll(() => {
    device = Device.open(options);
  });
  afterAll(() => device[Symbol.dispose]());

  it.each([
    { recompute: false, cap: 0 },
    { recompute: true, cap: 0 },
    { recompute: true, cap: 2 },
  ])('logLikelihood, logits computed again: $recompute, capped at $cap', ({ recompute, cap }) => {
    const [vocabulary, rows] = [11, 4];
    let targets: Tensor;
    const error = gradientError(
      device,
      { w: [8, vocabulary], x: [8, rows] },
      (tape, { w, x }, memory) => {
        targets = memory.reserve([rows], I32);
        // A row of its own per number, so that the probe is random.
        const y = logLikelihood(tape, { weight: w!, cap }, x!, targets, recompute);
        return asRow(tape, y, rows);
      },
      {
        fill: () =>
          upload(
            device,
            targets,
            Int32Array.from([3, 0, 10, 7], (target, row) => row * vocabulary + target),
          ),
      },
    );
    expect(error).toBeLessThan(tolerance);
  });

  it('segmentSums', () => {
    let factors: Tensor;
    let segments: Tensor;
    const error = gradientError(
      device,
      { x: [1, 6] },
      (tape, { x }, memory) => {
        [factors, segments] = [memory.reserve([6]), memory.reserve([6], I32)];
        const flat = reshaped(tape, x!, [6]);
        return asRow(tape, segmentSums(tape, flat, factors, segments, 3), 3);
      },
      {
        fill() {
          upload(device, factors, new Float32Array([1, 1, 0.5, 2, 0, 1]));
          upload(device, segments, new Int32Array([0, 2, 0, 2, 1, 0]));
        },
      },
    );
    expect(error).toBeLessThan(tolerance);
  });

  it.each([
    ['affine', (tape: Tape, x: Value) => affine(tape, x, -0.7, 2)],
    ['clip', (tape: Tape, x: Value) => clip(tape, x, 0.5)],
    ['sigmoid', sigmoid],
    ['logSigmoid', logSigmoid],
    ['logOdds', (tape: Tape, x: Value) => logOdds(tape, affine(tape, logSigmoid(tape, x), 1, -0.2))],
  ] as const)('%s', (_, build) => {
    expect(gradientError(device, { x: [5, 4] }, (tape, { x }) => build(tape, x!), { step: 2e-3 })).toBeLessThan(
      tolerance,
    );
  });

  it('weighted', () => {
    let factors: Tensor;
    const error = gradientError(
      device,
      { x: [5, 4] },
      (tape, { x }, memory) => weighted(tape, x!, (factors = memory.reserve([5, 4]))),
      {
        fill: () =>
          upload(
            device,
            factors,
            Float32Array.from({ length: 20 }, (_, i) => i / 7),
          ),
      },
    );
    expect(error).toBeLessThan(tolerance);
  });

  it('values are those of the formulas, far from 0 as well', () => {
    const points = [-80, -5, -1, -1e-3, 0, 1e-3, 1, 5, 80];
    const [values, sums] = evaluated(device, points);
    for (const [i, x] of points.entries()) {
      expect(values.logSigmoid[i]).toBeCloseTo(x < 0 ? x - Math.log1p(Math.exp(x)) : -Math.log1p(Math.exp(-x)), 4);
      expect(values.sigmoid[i]).toBeCloseTo(1 / (1 + Math.exp(-x)), 6);
      expect(values.clip[i]).toBeCloseTo(Math.max(-2, Math.min(2, x)), 6);
      if (x < 0) expect(values.logOdds[i]).toBeCloseTo(x - Math.log(-Math.expm1(x)), 3);
      else expect(Number.isFinite(values.logOdds[i])).toBe(true);
    }
    expect(sums[0]).toBeCloseTo(points[0]! + points[2]!, 4);
    expect(sums[1]).toBeCloseTo(0.5 * points[8]!, 4);
  });
});

function asRow(tape: Tape, x: Value, count: number): Value {
  return reshaped(tape, x, [1, count]);
}

function reshaped(tape: Tape, x: Value, shape: readonly number[]): Value {
  return tape.record(x.name, tape.reshape(x.tensor, shape), shape, [x], (dy) =>
    tape.accumulate(x, tape.reshape(tape.c.ggml_cont(tape.context, dy), x.shape), true),
  );
}

function evaluated(
  device: Device,
  points: readonly number[],
): [Record<'logSigmoid' | 'sigmoid' | 'clip' | 'logOdds', Float32Array>, Float32Array] {
  const { c } = device;
  const count = points.length;
  using memory = new Memory(device, 8);
  const context = c.ggml_init({ mem_size: contextBytes(c, 256), mem_buffer: null, no_alloc: true });
  const tape = new Tape(c, context, device.blas !== undefined);
  const x: Value = { name: 'x', shape: [count], tensor: memory.reserve([count]), needsGradient: false };
  const factors = memory.reserve([count]);
  const segments = memory.reserve([count], I32);
  const made = {
    logSigmoid: logSigmoid(tape, x),
    sigmoid: sigmoid(tape, x),
    clip: clip(tape, x, 2),
    logOdds: logOdds(tape, x),
  };
  const sums = segmentSums(tape, x, factors, segments, 2);
  memory.allocate();
  upload(device, x.tensor, Float32Array.from(points));
  upload(
    device,
    factors,
    Float32Array.from(points, (_, i) => ([0, 2].includes(i) ? 1 : i === count - 1 ? 0.5 : 0)),
  );
  upload(
    device,
    segments,
    Int32Array.from(points, (_, i) => (i === count - 1 ? 1 : 0)),
  );
  using program = new Program(device, tape, [...Object.values(made).map(({ tensor }) => tensor), sums.tensor]);
  program.run();
  const read = Object.fromEntries(Object.entries(made).map(([name, { tensor }]) => [name, download(device, tensor)]));
  const result = download(device, sums.tensor);
  c.ggml_free(context);
  return [read as Record<keyof typeof made, Float32Array>, result];
}
