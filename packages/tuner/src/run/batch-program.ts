/** The graph of one micro-batch of a given layout: inputs, forward, loss, and backward when it trains. */
import type { Context, Tensor } from '../graph/operators.ts';
import type { Device } from '../graph/device.ts';
import { Memory, upload } from '../graph/memory.ts';
import { contextBytes, Program } from '../graph/program.ts';
import { I32, Tape } from '../graph/tape.ts';
import { elements, type Value } from '../graph/value.ts';
import type { MaskRule } from '../models/config.ts';
import { hiddenStates } from '../models/hidden-states.ts';
import type { Weights } from '../models/weights.ts';
import type { BuildLoss, LossGraph, LossResult } from '../objectives/objective.ts';
import { lossChunks } from '../operations/cross-entropy.ts';
import { randomStream, uniform } from '../random.ts';
import { attentionMask } from './attention-mask.ts';
import type { BatchArrays, BatchLayout } from './batch.ts';

export type BatchOptions = {
  readonly train: boolean;
  readonly recompute: boolean;
  readonly dropout: number;
  /** NEFTune's alpha; 0 or absent: none. */
  readonly noise?: number;
};

/** Tensors a layer takes at most, low-rank additions and chunks of a quantised matrix included. What is not used is never touched. */
const tensorsPerLayer = 4096;

/** Parts of a loss besides chunks of an output head, such as targets of a classification; each takes at most 64 tensors. */
const lossParts = 128;

export class BatchProgram implements Disposable {
  readonly layout: BatchLayout;
  readonly #device: Device;
  readonly #context: Context;
  readonly #memory: Memory;
  readonly #program: Program;
  readonly #inputs: { tokens: Tensor; positions: Tensor; masks: readonly Tensor[]; wanted: Tensor };
  readonly #masks: readonly MaskRule[];
  readonly #loss: LossGraph;
  readonly #dropoutMasks: Value[] = [];
  readonly #dropout: number;
  readonly #noise: Value | undefined;
  readonly #noiseAlpha: number;

  constructor(device: Device, weights: Weights, buildLoss: BuildLoss, layout: BatchLayout, options: BatchOptions) {
    const { c } = device;
    const { config } = weights;
    const { length, bins, wanted } = layout;
    const rows = length * bins;
    this.layout = layout;
    this.#device = device;
    this.#dropout = options.dropout;
    this.#masks = config.masks;
    const parts = lossChunks(wanted, config.vocabulary).length + lossParts;
    this.#context = c.ggml_init({
      mem_size: contextBytes(c, tensorsPerLayer * (config.layers + 1) + 64 * parts),
      mem_buffer: null,
      no_alloc: true,
    });
    this.#memory = new Memory(device, 4 * config.layers + 3 * parts + 8);
    this.#inputs = {
      tokens: this.#memory.reserve([rows], I32),
      positions: this.#memory.reserve([rows], I32),
      masks: config.masks.map(() => this.#memory.reserve([length, length, 1, bins])),
      wanted: this.#memory.reserve([wanted], I32),
    };
    const tape = new Tape(c, this.#context, device.blas !== undefined);
    const dropout = (shape: readonly number[]): Value => {
      const mask = { name: 'dropout mask', tensor: this.#memory.reserve(shape), shape, needsGradient: false };
      this.#dropoutMasks.push(mask);
      return mask;
    };
    this.#noiseAlpha = options.train ? (options.noise ?? 0) : 0;
    if (this.#noiseAlpha > 0) {
      const shape = [config.width, rows];
      this.#noise = { name: 'noise', tensor: this.#memory.reserve(shape), shape, needsGradient: false };
    }
    const hidden = hiddenStates(
      tape,
      weights,
      {
        length,
        bins,
        ...this.#inputs,
        wantedCount: wanted,
        ...(options.train && options.dropout > 0 ? { dropout } : {}),
        ...(this.#noise ? { noise: this.#noise } : {}),
      },
      { recompute: options.train && options.recompute },
    );
    this.#loss = buildLoss({ device, tape, memory: this.#memory, weights, hidden, layout, train: options.train });
    if (options.train) tape.backward();
    this.#memory.allocate();
    this.#program = new Program(device, tape, this.#loss.outputs);
  }

  get bytes(): number {
    return this.#memory.bytes + this.#program.bytes;
  }

  /** Computes the batch. Returns the summed loss; training also adds to the parameters' gradient sums. `seeds` decide what is dropped. */
  run(batch: BatchArrays, ...seeds: readonly number[]): LossResult {
    const { tokens, positions, masks, wanted } = this.#inputs;
    upload(this.#device, tokens, batch.tokens);
    upload(this.#device, positions, batch.positions);
    for (const [index, mask] of masks.entries())
      upload(this.#device, mask, attentionMask(batch, this.layout, this.#masks[index]!));
    upload(this.#device, wanted, batch.wanted);
    this.#loss.upload(batch);
    for (const [index, { tensor, shape }] of this.#dropoutMasks.entries()) {
      upload(this.#device, tensor, dropoutMask(elements(shape), this.#dropout, randomStream(...seeds, index)));
    }
    if (this.#noise) {
      const random = randomStream(...seeds, noiseStream);
      upload(
        this.#device,
        this.#noise.tensor,
        neftune(this.#noiseAlpha, batch.positions, this.layout.length, this.#noise.shape[0]!, random),
      );
    }
    this.#program.run();
    return this.#loss.read();
  }

  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    this.#device.c.ggml_free(this.#context);
  }
}

/** Beside the streams of dropout masks, which count from 0. */
const noiseStream = 0xffff_ffff;

/** Uniform in +-alpha / sqrt(tokens * width) for each row of its own number of tokens (Jain et al. 2023, arXiv 2310.05914). */
export function neftune(
  alpha: number,
  positions: Int32Array,
  length: number,
  width: number,
  random: () => number,
): Float32Array {
  const noise = new Float32Array(positions.length * width);
  for (let start = 0; start < positions.length;) {
    let end = start + 1;
    // A row ends where the next begins, or the bin.
    while (end < positions.length && end % length !== 0 && positions[end] === positions[end - 1]! + 1) end++;
    const bound = alpha / Math.sqrt((end - start) * width);
    for (let i = start * width; i < end * width; i++) noise[i] = (2 * uniform(random) - 1) * bound;
    start = end;
  }
  return noise;
}

/** 0 with probability `rate`, else 1 / (1 - rate); two draws of 16 bits from each random number. */
function dropoutMask(count: number, rate: number, random: () => number): Float32Array {
  const mask = new Float32Array(count);
  const threshold = Math.round(rate * 65_536);
  const kept = 1 / (1 - rate);
  for (let i = 0; i < count; i += 2) {
    const bits = random();
    mask[i] = (bits & 0xffff) < threshold ? 0 : kept;
    if (i + 1 < count) mask[i + 1] = bits >>> 16 < threshold ? 0 : kept;
  }
  return mask;
}
