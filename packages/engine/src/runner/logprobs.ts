import type { TokenLogprob } from '../generate-event.ts';

/** What OpenAI's API says of tokens that are as good as impossible; JSON has no minus infinity. */
const leastLogprob = -9999;

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** The softmax of some logits, as far as a report needs it: kept because the logits are about to be changed. */
export class Logprobs {
  readonly #logSum: number;
  readonly #logits: Float32Array;
  /** Tokens, likeliest first. */
  readonly #best: number[];

  /** `alternatives`: how many of the likeliest tokens are wanted. */
  constructor(logits: Float32Array, alternatives: number) {
    this.#logits = logits.slice();
    this.#logSum = logSumExp(this.#logits);
    this.#best = likeliest(this.#logits, alternatives);
  }

  of(token: number, bytesOf: (token: number) => Uint8Array): TokenLogprob {
    const candidate = (each: number) => {
      const bytes = bytesOf(each);
      const logprob = Math.max(leastLogprob, this.#logits[each]! - this.#logSum);
      return { token: each, text: utf8.decode(bytes), bytes: [...bytes], logprob };
    };
    return { ...candidate(token), alternatives: this.#best.map(candidate) };
  }
}

/** The vocabulary has a hundred thousand tokens: loops by index, and over memory of JavaScript's own, are the fast ones. */
function logSumExp(logits: Float32Array): number {
  let most = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > most) most = logits[i]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - most);
  return most + Math.log(sum);
}

/** The tokens of the `count` largest logits, largest first; of equal ones the first. */
function likeliest(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  if (count === 0) return best;
  let least = -Infinity;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (best.length === count && !(logit > least)) continue;
    let at = best.length;
    while (at > 0 && logits[best[at - 1]!]! < logit) at--;
    best.splice(at, 0, token);
    if (best.length > count) best.pop();
    least = logits[best.at(-1)!]!;
  }
  return best;
}
