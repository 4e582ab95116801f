import { describe, expect, it } from 'vitest';
import { Batch, LlamaContext, Sampler, type SamplerStep } from '../src/index.ts';
import { useTinyModel } from './tiny-model-file.ts';

const used = useTinyModel();

/** A context whose last result is after these tokens, with chosen logits written over the model's where given. */
function contextAfter(tokens: readonly number[], logits?: Record<number, number>): LlamaContext {
  const context = new LlamaContext(used.model, { nCtx: 64, nThreads: 1 });
  const batch = new Batch(used.model.native, tokens.length);
  for (const [index, token] of tokens.entries()) batch.add(token, index, 0, index === tokens.length - 1);
  context.decode(batch);
  if (logits) {
    const all = context.logits().fill(-100);
    for (const [token, logit] of Object.entries(logits)) all[Number(token)] = logit;
  }
  return context;
}

function sampleMany(steps: readonly SamplerStep[], context: LlamaContext, count: number): number[] {
  using sampler = new Sampler(used.model, steps);
  return Array.from({ length: count }, () => sampler.sample(context));
}

const dist = { kind: 'dist', seed: 5 } as const;

describe('Sampler', () => {
  it('picks the most probable token when greedy', () => {
    using context = contextAfter([1, 2, 3]);
    const logits = context.logits();
    const best = logits.indexOf(Math.max(...logits));
    expect(sampleMany([{ kind: 'greedy' }], context, 3)).toEqual([best, best, best]);
    expect(sampleMany([{ kind: 'temperature', temperature: 0 }, dist], context, 3)).toEqual([best, best, best]);
  });

  it('follows its seed, and starts again after reset', () => {
    using context = contextAfter([1]);
    const first = sampleMany([dist], context, 20);
    expect(sampleMany([dist], context, 20)).toEqual(first);
    expect(sampleMany([{ kind: 'dist', seed: 6 }], context, 20)).not.toEqual(first);
    using sampler = new Sampler(used.model, [dist]);
    const again = [sampler.sample(context), sampler.sample(context)];
    sampler.reset();
    expect([sampler.sample(context), sampler.sample(context)]).toEqual(again);
  });

  it('samples by probability', () => {
    using context = contextAfter([1], { 10: Math.log(3), 20: 0 });
    const samples = sampleMany([dist], context, 2000);
    expect(samples.filter((token) => token === 10).length / samples.length).toBeCloseTo(0.75, 1);
    expect(new Set(samples)).toEqual(new Set([10, 20]));
  });

  it.each<[string, SamplerStep, number[]]>([
    ['topK', { kind: 'topK', k: 2 }, [10, 20]],
    ['topP', { kind: 'topP', p: 0.6 }, [10]],
    ['minP', { kind: 'minP', p: 0.3 }, [10, 20]],
    ['typical', { kind: 'typical', p: 0.1 }, [20]],
    ['xtc', { kind: 'xtc', probability: 1, threshold: 0.2, seed: 1 }, [20, 30]],
    ['topNSigma', { kind: 'topNSigma', n: 0.01 }, [10]],
    [
      'logitBias',
      {
        kind: 'logitBias',
        bias: [
          { token: 10, bias: -Infinity },
          { token: 20, bias: -Infinity },
        ],
      },
      [30],
    ],
  ])('%s keeps the candidates that it should', (_, step, expected) => {
    // Probabilities 0.63, 0.31, 0.06, entropy 0.83: the surprise of 20 (1.16) is nearer to it than that of 10 (0.47).
    using context = contextAfter([1], { 10: Math.log(10), 20: Math.log(5), 30: Math.log(1) });
    expect([...new Set(sampleMany([step, dist], context, 200))].toSorted((a, b) => a - b)).toEqual(expected);
  });

  it('penalises tokens that it accepted', () => {
    using context = contextAfter([1], { 10: 2, 20: 1.5 });
    using sampler = new Sampler(used.model, [{ kind: 'penalties', lastN: 2, repeat: 2 }, { kind: 'greedy' }]);
    // 10 halves to 1 once accepted, then 20 does, then both are equal again and the first wins.
    expect([sampler.sample(context), sampler.sample(context)]).toEqual([10, 20]);
    using told = new Sampler(used.model, [{ kind: 'penalties', lastN: 8, presence: 1 }, { kind: 'greedy' }]);
    told.accept(10);
    expect(told.sample(context)).toBe(20);
  });

  it('breaks runs with dry', () => {
    using context = contextAfter([1], { 30: 2, 31: 1.9 });
    const steps: SamplerStep[] = [
      { kind: 'dry', multiplier: 5, allowedLength: 1, lastN: 32, breakers: [] },
      { kind: 'greedy' },
    ];
    using sampler = new Sampler(used.model, steps);
    for (const token of [40, 41, 30, 40, 41]) sampler.accept(token);
    expect(sampler.sample(context)).toBe(31);
  });

  it.each<SamplerStep>([
    { kind: 'mirostat', seed: 1, tau: 5, eta: 0.1 },
    { kind: 'mirostatV2', seed: 1, tau: 5, eta: 0.1 },
  ])('ends in $kind', (step) => {
    using context = contextAfter([1]);
    const samples = sampleMany([step], context, 10);
    expect(samples.every((token) => token >= 0 && token < 320)).toBe(true);
    expect(sampleMany([step], context, 10)).toEqual(samples);
  });

  it.each<[SamplerStep[], RegExp]>([
    [[], /must pick a token/],
    [[{ kind: 'topK', k: 3 }], /must pick a token/],
    [[{ kind: 'greedy' }, { kind: 'topK', k: 3 }], /must pick a token/],
    [[{ kind: 'topK', k: -1 }, dist], /topK\.k is -1/],
    [[{ kind: 'topP', p: 1.01 }, dist], /topP\.p is 1\.01/],
    [[{ kind: 'minP', p: NaN }, dist], /minP\.p is NaN/],
    [[{ kind: 'temperature', temperature: Infinity }, dist], /temperature is Infinity/],
    [[{ kind: 'dist', seed: 2 ** 32 }], /dist\.seed is 4294967296/],
    [[{ kind: 'penalties', lastN: 1, repeat: 0 }, dist], /penalties\.repeat is 0/],
    [[{ kind: 'logitBias', bias: [{ token: 320, bias: 1 }] }, dist], /logitBias\.token is 320/],
    [[{ kind: 'logitBias', bias: [{ token: 1, bias: NaN }] }, dist], /logitBias\.bias is NaN/],
    [[{ kind: 'mirostat', seed: 1, tau: 5, eta: 0.1, m: 1 }], /mirostat\.m is 1/],
  ])('refuses %j', (steps, reason) => {
    expect(() => new Sampler(used.model, steps)).toThrow(reason);
  });
});
