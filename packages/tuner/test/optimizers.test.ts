import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hyperParametersSchema, optimizers, schedules, type HyperParameters } from '../src/contract/index.ts';
import { Device } from '../src/graph/device.ts';
import { download, Memory, upload } from '../src/graph/memory.ts';
import { Optimizer } from '../src/optimizers/optimizer.ts';
import { learningRate, warmupSteps } from '../src/schedule.ts';
import { devices } from './devices.ts';

let device: Device;
beforeAll(() => {
  device = Device.open(devices.at(-1)!.options);
});
afterAll(() => device[Symbol.dispose]());

type Rule = (h: HyperParameters, decayed: boolean) => (w: number, g: number, step: number) => number;

/** What each optimizer does to one number, after the papers; Adafactor works on whole matrices. */
const references: Record<Exclude<HyperParameters['optimizer'], 'adafactor'>, Rule> = {
  adamw: (h, decayed) => {
    let [m, v] = [0, 0];
    return (w, g, step) => {
      m = h.beta1 * m + (1 - h.beta1) * g;
      v = h.beta2 * v + (1 - h.beta2) * g * g;
      const direction = m / (1 - h.beta1 ** step) / (Math.sqrt(v / (1 - h.beta2 ** step)) + h.epsilon);
      return w * (1 - (decayed ? rate * h.weightDecay : 0)) - rate * direction;
    };
  },
  adam: (h, decayed) => {
    const plain = references.adamw(h, false);
    return (w, g, step) => plain(w, g + (decayed ? h.weightDecay * w : 0), step);
  },
  sgd: (h, decayed) => {
    let v = 0;
    return (w, g) => w * (1 - (decayed ? rate * h.weightDecay : 0)) - rate * (v = h.momentum * v + g);
  },
  lion: (h, decayed) => {
    let m = 0;
    return (w, g) => {
      const direction = Math.sign(h.beta1 * m + (1 - h.beta1) * g);
      m = h.beta2 * m + (1 - h.beta2) * g;
      return w * (1 - (decayed ? rate * h.weightDecay : 0)) - rate * direction;
    };
  },
  rmsprop: (h, decayed) => {
    let v = 0;
    return (w, g) => {
      v = h.beta2 * v + (1 - h.beta2) * g * g;
      return w * (1 - (decayed ? rate * h.weightDecay : 0)) - (rate * g) / (Math.sqrt(v) + h.epsilon);
    };
  },
  adagrad: (h, decayed) => {
    let v = 0;
    return (w, g) => {
      v += g * g;
      return w * (1 - (decayed ? rate * h.weightDecay : 0)) - (rate * g) / (Math.sqrt(v) + h.epsilon);
    };
  },
};
const rate = 0.05;

describe('an optimizer', () => {
  it.each(
    (Object.keys(references) as (keyof typeof references)[]).flatMap((optimizer) => [
      { optimizer, momentum: 0 },
      ...(optimizer === 'sgd' ? [{ optimizer, momentum: 0.9 }] : []),
    ]),
  )('moves each number as its paper says: $optimizer, momentum $momentum', ({ optimizer, momentum }) => {
    const h = hyperParametersSchema.parse({ optimizer, momentum, weightDecay: 0.1, beta2: 0.99, maxGradientNorm: 0 });
    using memory = new Memory(device, 8);
    const parameters = ([[3, 2], [4]] as const).map((shape, i) => ({
      name: `p${i}`,
      value: {
        name: `p${i}`,
        shape,
        tensor: memory.reserve(shape),
        needsGradient: true,
        gradientSum: memory.reserve(shape),
      },
    }));
    memory.allocate();
    using rule = new Optimizer(device, parameters, h);
    const expected = parameters.map(({ value }) => {
      const count = value.shape.reduce((product: number, size) => product * size, 1);
      return Array.from({ length: count }, (_, i) => ({
        w: Math.sin(i + count),
        move: references[optimizer](h, value.shape.length > 1),
      }));
    });
    for (const [p, { value }] of parameters.entries())
      upload(
        device,
        value.tensor,
        Float32Array.from(expected[p]!, ({ w }) => w),
      );
    for (let step = 1; step <= 4; step++) {
      for (const [p, { value }] of parameters.entries()) {
        const gradient = expected[p]!.map((_, i) => Math.cos(3 * i + step + p));
        // Sums over 4 tokens.
        upload(
          device,
          value.gradientSum,
          Float32Array.from(gradient, (g) => 4 * g),
        );
        for (const [i, number] of expected[p]!.entries()) number.w = number.move(number.w, gradient[i]!, step);
      }
      rule.step(rate, step, 4);
      for (const [p, { value }] of parameters.entries()) {
        const found = download(device, value.tensor);
        for (const [i, { w }] of expected[p]!.entries()) expect(found[i]).toBeCloseTo(w, 4);
      }
    }
  });

  it('has a reference here, every one of them', () => {
    expect(Object.keys(references).toSorted()).toEqual(optimizers.filter((name) => name !== 'adafactor').toSorted());
  });
});

describe('the learning rate', () => {
  it('warms up to its peak, ends at its final share and never leaves that range', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...schedules),
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 5 }),
        (schedule, steps, extra, finalLearningRateShare, scheduleCycles) => {
          const h = hyperParametersSchema.parse({
            schedule,
            warmupSteps: steps,
            finalLearningRateShare,
            scheduleCycles,
            learningRate: 1,
          });
          const total = steps + extra;
          const rates = Array.from({ length: total }, (_, i) => learningRate(h, i + 1, total));
          for (const [i, lr] of rates.entries()) {
            expect(lr).toBeGreaterThan(0 - 1e-9);
            expect(lr).toBeLessThanOrEqual(1 + 1e-9);
            if (i >= steps) expect(lr).toBeGreaterThanOrEqual(finalLearningRateShare - 1e-9);
          }
          expect(rates[steps]).toBeCloseTo(1, 6);
        },
      ),
    );
  });

  const at = (hyperParameters: object, steps: readonly number[], total: number): number[] => {
    const h = hyperParametersSchema.parse({ learningRate: 1, ...hyperParameters });
    return steps.map((step) => learningRate(h, step, total));
  };

  it('follows the shape of its name', () => {
    expect(at({ schedule: 'polynomial', schedulePower: 2 }, [1, 6, 9], 10)).toEqual([1, 0.25, expect.closeTo(0.04)]);
    const restarts = at({ schedule: 'cosine_with_restarts', scheduleCycles: 2 }, [1, 3, 5, 7], 8);
    expect(restarts).toEqual([1, expect.closeTo(0.5), 1, expect.closeTo(0.5)]);
    expect(at({ schedule: 'inverse_sqrt', warmupSteps: 4 }, [4, 5, 17], 100)).toEqual([1, 1, expect.closeTo(0.5)]);
  });

  it('takes its warm-up in steps, or else as a share of all', () => {
    const steps = (h: object): number => warmupSteps(hyperParametersSchema.parse(h), 101);
    expect(steps({ warmupFraction: 0.05 })).toBe(6);
    expect(steps({ warmupFraction: 0.05, warmupSteps: 3 })).toBe(3);
    expect(steps({ warmupFraction: 1 })).toBe(101);
    expect(at({ warmupFraction: 0.2 }, [1, 2, 3], 10)).toEqual([0.5, 1, 1]);
  });
});
