import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Probabilities } from '../src/index.ts';
import { useTinyModel } from './tiny-model-file.ts';

const used = useTinyModel();

function softmax(logits: Float32Array, temperature: number): number[] {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp((logit - most) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

describe('Probabilities', () => {
  it('are the softmax of logits over a temperature', () => {
    using probabilities = new Probabilities(used.model);
    const { size } = used.model.vocab;
    const logit = fc.oneof(fc.double({ min: -50, max: 50, noNaN: true }), fc.constant(-Infinity));
    const logits = fc.array(logit, { minLength: size, maxLength: size }).filter((all) => all.some(Number.isFinite));
    fc.assert(
      fc.property(logits, fc.double({ min: 0.05, max: 10, noNaN: true }), (values, temperature) => {
        const given = Float32Array.from(values);
        const made = probabilities.of(given, temperature);
        for (const [token, expected] of softmax(given, temperature).entries())
          expect(Math.abs(made[token]! - expected)).toBeLessThan(1e-5 + expected * 1e-3);
      }),
      { numRuns: 50 },
    );
  });

  it('are not numbers where nothing is possible, and take logits of their vocabulary only', () => {
    using probabilities = new Probabilities(used.model);
    const { size } = used.model.vocab;
    expect(probabilities.of(new Float32Array(size).fill(-Infinity), 1)[0]).toBeNaN();
    expect(probabilities.of(new Float32Array(size), 1)[0]).toBeCloseTo(1 / size, 6);
    expect(() => probabilities.of(new Float32Array(size - 1), 1)).toThrow(`${size - 1} logits`);
    for (const temperature of [0, NaN, -1, Infinity])
      expect(() => probabilities.of(new Float32Array(size), temperature)).toThrow('temperature');
  });

  it('keep their model, and are of no use once given back', () => {
    const probabilities = new Probabilities(used.model);
    expect(() => used.model[Symbol.dispose]()).toThrow('1 probabilities');
    probabilities[Symbol.dispose]();
    probabilities[Symbol.dispose]();
    expect(() => probabilities.of(new Float32Array(used.model.vocab.size), 1)).toThrow('disposed');
  });
});
