/**
 * A start for attention. What a small model needs most, copying from its context, rests on two heads that a training as
 * short as ours hardly finds: one that looks at the token before, and one in the next layer that looks for an earlier
 * place where the token before was the present one, and copies what stood there (Olsson et al. 2022, "In-context learning
 * and induction heads"). So the initial weights hold a rough version of both, and training goes on from there.
 *
 * Matrices are row-major, a row per output, as in GGUF; rotary pairs are (2i, 2i + 1), as the llama architecture has them.
 */
import type { Architecture } from './architecture.ts';
import { Random } from './corpus/random.ts';

export type InitialTensors = ReadonlyMap<string, Float32Array>;

/** By how much the scaled score of the token before exceeds that of its neighbours. */
const previousScore = 6;
/** Scaled score of a place that matches. */
const matchScore = 10;
/** Length of the previous token's trace in the residual stream, of which an embedding has about 1. */
const traceLength = 1;
/** How strongly the second head writes what it copies. */
const copyGain = 3;
/** Rotary pairs that turn faster than this (radians a token) tell neighbours apart. */
const fastTurn = 0.1;

class Circuit {
  readonly #sizes: Architecture;
  readonly #tensors: InitialTensors;
  readonly #random: Random;
  /** A direction that all embeddings share: heads that look by position alone are driven by it. */
  readonly #shared: Float32Array;

  constructor(sizes: Architecture, tensors: InitialTensors, seed: number) {
    this.#sizes = sizes;
    this.#tensors = tensors;
    this.#random = new Random(seed);
    this.#shared = this.#unitVector(false);
  }

  #unitVector(awayFromShared = true): Float32Array {
    const vector = Float32Array.from({ length: this.#sizes.width }, () => this.#random.normal());
    if (awayFromShared) {
      const along = vector.reduce((sum, value, i) => sum + value * this.#shared[i]!, 0);
      vector.forEach((value, i) => (vector[i] = value - along * this.#shared[i]!));
    }
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  }

  #tensor(name: string): Float32Array {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new RangeError(`no tensor ${name}`);
    return tensor;
  }

  #setRow(name: string, row: number, values: Float32Array, factor: number): void {
    this.#tensor(name).set(
      values.map((value) => value * factor),
      row * this.#sizes.width,
    );
  }

  /** Makes input `column` of an output projection write along `values`. */
  #setColumn(name: string, column: number, values: Float32Array, factor: number): void {
    const inputs = this.#sizes.heads * this.#sizes.headWidth;
    values.forEach((value, row) => (this.#tensor(name)[row * inputs + column] = value * factor));
  }

  build(): void {
    const { width, headWidth, heads, keyValueHeads, ropeBase } = this.#sizes;
    const queriesPerKey = heads / keyValueHeads;
    const embedding = this.#tensor('token_embd.weight');
    for (let i = 0; i < embedding.length; i++) embedding[i]! += this.#shared[i % width]!;
    const turn = (pair: number) => ropeBase ** ((-2 * pair) / headWidth);

    // Layer 0, head 0: the token before. Its norm's output is sqrt(width / 2) along the shared direction and across it.
    const normed = Math.sqrt(width / 2);
    const fastPairs = Array.from({ length: headWidth / 2 }, (_, pair) => pair).filter((pair) => turn(pair) >= fastTurn);
    const contrast = fastPairs.reduce((sum, pair) => sum + 1 - Math.cos(turn(pair)), 0);
    const amplitude = Math.sqrt((previousScore * Math.sqrt(headWidth)) / contrast) / normed;
    const nothing = new Float32Array(width);
    for (let row = 0; row < headWidth; row++) {
      this.#setRow('blk.0.attn_q.weight', row, nothing, 0);
      this.#setRow('blk.0.attn_k.weight', row, nothing, 0);
    }
    for (const pair of fastPairs) {
      this.#setRow('blk.0.attn_k.weight', 2 * pair, this.#shared, amplitude);
      // The query is turned back by one position, so that it meets the key of the token before.
      this.#setRow('blk.0.attn_q.weight', 2 * pair, this.#shared, amplitude * Math.cos(turn(pair)));
      this.#setRow('blk.0.attn_q.weight', 2 * pair + 1, this.#shared, -amplitude * Math.sin(turn(pair)));
    }
    const codes = Array.from({ length: headWidth }, () => this.#unitVector());
    const traces = Array.from({ length: headWidth }, () => this.#unitVector());
    const traceGain = traceLength / Math.sqrt(headWidth / width);
    codes.forEach((code, i) => {
      this.#setRow('blk.0.attn_v.weight', i, code, 1 / normed);
      this.#setColumn('blk.0.attn_output.weight', i, traces[i]!, traceGain);
    });

    // Layer 1: heads that match the present token's code with the traces. They use the slow half of the rotary pairs,
    // which hardly turn within a context; each key head has its own part of the code.
    const laterNormed = Math.sqrt(width / 3);
    const matched = headWidth / 2;
    const parts = Math.min(keyValueHeads, headWidth / matched);
    const sharpness = Math.sqrt((matchScore * Math.sqrt(headWidth)) / (traceGain * (matched / width))) / laterNormed;
    for (let part = 0; part < parts; part++) {
      for (let i = 0; i < headWidth; i++) {
        const row = part * headWidth + i;
        const code = i - (headWidth - matched);
        const reads = code >= 0;
        this.#setRow('blk.1.attn_k.weight', row, reads ? traces[part * matched + code]! : nothing, sharpness);
        const query = part * queriesPerKey * headWidth + i;
        this.#setRow('blk.1.attn_q.weight', query, reads ? codes[part * matched + code]! : nothing, sharpness);
        const copied = this.#unitVector();
        this.#setRow('blk.1.attn_v.weight', row, copied, 1 / laterNormed);
        this.#setColumn('blk.1.attn_output.weight', query, copied, copyGain);
      }
    }
  }
}

/** Writes the two heads into random initial weights. */
export function addCopyingCircuit(sizes: Architecture, tensors: InitialTensors, seed: number): void {
  new Circuit(sizes, tensors, seed).build();
}
