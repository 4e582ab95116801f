import { checkInteger, checkNumber, invalid, maxInt32, maxUint32 } from '../arguments.ts';
import type { Vocab } from '../model/vocab.ts';
import type { Native } from '../native/native.ts';
import type { Pointer } from '../native/pointer.ts';

/** One step of a sampler. Steps work on the candidates in order; exactly the last one picks a token. */
export type SamplerStep =
  | { kind: 'logitBias'; bias: readonly { token: number; bias: number }[] }
  /** Divides (multiplies, below zero) logits of the last `lastN` tokens by `repeat`; subtracts the other two. */
  | { kind: 'penalties'; lastN: number; repeat?: number; frequency?: number; presence?: number }
  /** Penalises going on with a repeated run longer than `allowedLength`, by multiplier * base^(length - allowedLength). */
  | {
      kind: 'dry';
      multiplier: number;
      base?: number;
      allowedLength?: number;
      lastN: number;
      breakers?: readonly string[];
    }
  | { kind: 'topK'; k: number }
  | { kind: 'topP'; p: number; minKeep?: number }
  | { kind: 'minP'; p: number; minKeep?: number }
  | { kind: 'typical'; p: number; minKeep?: number }
  | { kind: 'topNSigma'; n: number }
  /** With `probability`, drops all candidates above `threshold` but the least probable of them. */
  | { kind: 'xtc'; probability: number; threshold: number; seed: number; minKeep?: number }
  | { kind: 'temperature'; temperature: number }
  /** Picks the most probable candidate. */
  | { kind: 'greedy' }
  /** Picks by probability, with a random generator of its own. */
  | { kind: 'dist'; seed: number }
  | { kind: 'mirostat'; seed: number; tau: number; eta: number; m?: number }
  | { kind: 'mirostatV2'; seed: number; tau: number; eta: number };

const picking = new Set<SamplerStep['kind']>(['greedy', 'dist', 'mirostat', 'mirostatV2']);

/** A chain that picks no token, or goes on after the pick, makes native code abort. Throws `invalid_request`. */
export function checkChain(steps: readonly SamplerStep[]): void {
  const firstPick = steps.findIndex((step) => picking.has(step.kind));
  if (firstPick === -1 || firstPick !== steps.length - 1)
    throw invalid('the last sampler step, and no other, must pick a token');
}

type Made = Pointer<'llama_sampler'> | null;

/** The native sampler of one step, with its numbers checked. Throws `invalid_request`. */
export function makeStep(native: Native, vocab: Vocab, step: SamplerStep): Pointer<'llama_sampler'> {
  const made = make(native, vocab, step);
  if (made === null) throw invalid(`the ${step.kind} step is not valid`);
  return made;
}

function make(native: Native, vocab: Vocab, step: SamplerStep): Made {
  const { c } = native;
  switch (step.kind) {
    case 'logitBias':
      return makeLogitBias(native, vocab, step.bias);
    case 'penalties':
      return c.llama_sampler_init_penalties(
        vocab.size,
        checkInteger('penalties.lastN', step.lastN, 0, maxInt32),
        checkNumber('penalties.repeat', step.repeat ?? 1, 1e-6, 1e6),
        checkNumber('penalties.frequency', step.frequency ?? 0, -1e6, 1e6),
        checkNumber('penalties.presence', step.presence ?? 0, -1e6, 1e6),
      );
    case 'dry': {
      const breakers = step.breakers ?? ['\n', ':', '"', '*'];
      if (breakers.some((breaker) => breaker.includes('\0'))) throw invalid('dry.breakers holds a zero byte');
      return c.llama_sampler_init_dry(
        vocab.pointer,
        checkNumber('dry.multiplier', step.multiplier, 0, 1e6),
        checkNumber('dry.base', step.base ?? 1.75, 1, 1e6),
        checkInteger('dry.allowedLength', step.allowedLength ?? 2, 0, maxInt32),
        checkInteger('dry.lastN', step.lastN, 0, maxInt32),
        breakers,
        breakers.length,
      );
    }
    case 'topK':
      return c.llama_sampler_init_top_k(checkInteger('topK.k', step.k, 0, maxInt32));
    case 'topP':
      return c.llama_sampler_init_top_p(checkNumber('topP.p', step.p, 0, 1), minKeep(step));
    case 'minP':
      return c.llama_sampler_init_min_p(checkNumber('minP.p', step.p, 0, 1), minKeep(step));
    case 'typical':
      return c.llama_sampler_init_typical(checkNumber('typical.p', step.p, 0, 1), minKeep(step));
    case 'topNSigma':
      return c.llama_sampler_init_top_n_sigma(checkNumber('topNSigma.n', step.n, 0, 1e6));
    case 'xtc':
      return c.llama_sampler_init_xtc(
        checkNumber('xtc.probability', step.probability, 0, 1),
        checkNumber('xtc.threshold', step.threshold, 0, 1),
        minKeep(step),
        checkInteger('xtc.seed', step.seed, 0, maxUint32),
      );
    case 'temperature':
      return c.llama_sampler_init_temp(checkNumber('temperature', step.temperature, 0, 1e6));
    case 'greedy':
      return c.llama_sampler_init_greedy();
    case 'dist':
      return c.llama_sampler_init_dist(checkInteger('dist.seed', step.seed, 0, maxUint32));
    case 'mirostat':
      return c.llama_sampler_init_mirostat(
        vocab.size,
        checkInteger('mirostat.seed', step.seed, 0, maxUint32),
        checkNumber('mirostat.tau', step.tau, 0, 1e6),
        checkNumber('mirostat.eta', step.eta, 0, 1e6),
        checkInteger('mirostat.m', step.m ?? 100, 2, maxInt32),
      );
    case 'mirostatV2':
      return c.llama_sampler_init_mirostat_v2(
        checkInteger('mirostatV2.seed', step.seed, 0, maxUint32),
        checkNumber('mirostatV2.tau', step.tau, 0, 1e6),
        checkNumber('mirostatV2.eta', step.eta, 0, 1e6),
      );
  }
}

function makeLogitBias(native: Native, vocab: Vocab, bias: readonly { token: number; bias: number }[]): Made {
  const width = native.sizeOf('llama_logit_bias');
  const bytes = new Uint8Array(Math.max(1, bias.length) * width);
  for (const [index, entry] of bias.entries()) {
    checkInteger('logitBias.token', entry.token, 0, vocab.size - 1);
    // Minus infinity is how a token is forbidden.
    if (entry.bias !== -Infinity) checkNumber('logitBias.bias', entry.bias, -1e6, 1e6);
    bytes.set(native.encode('llama_logit_bias', entry), index * width);
  }
  return native.c.llama_sampler_init_logit_bias(vocab.size, bias.length, bytes);
}

function minKeep(step: { minKeep?: number }): number {
  return checkInteger('minKeep', step.minKeep ?? 1, 0, maxInt32);
}
