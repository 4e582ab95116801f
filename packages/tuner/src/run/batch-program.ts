/** The graph of one micro-batch of a given layout: inputs, forward, loss, and backward when it trains. */
import type { Context, Tensor } from '../graph/operators.ts';
import type { Device } from '../graph/device.ts';
import { download, downloadIntegers, Memory, upload } from '../graph/memory.ts';
import { contextBytes, Program } from '../graph/program.ts';
import { I32, Tape } from '../graph/tape.ts';
import { elements, type Value } from '../graph/value.ts';
import { llamaHidden, outputHead } from '../models/llama.ts';
import type { Weights } from '../models/weights.ts';
import { crossEntropy, lossChunks, type LossOutcome, type LossRows } from '../operations/cross-entropy.ts';
import { gatherRows } from '../operations/rows.ts';
import { randomStream } from '../random.ts';
import type { BatchArrays, BatchLayout } from './batch.ts';

export type BatchOptions = { readonly train: boolean; readonly recompute: boolean; readonly dropout: number };

/** Tensors a layer's forward and backward take at most, low-rank additions included; contexts are sized by it. */
const tensorsPerLayer = 512;

export class BatchProgram implements Disposable {
  readonly layout: BatchLayout;
  readonly #device: Device;
  readonly #context: Context;
  readonly #memory: Memory;
  readonly #program: Program;
  readonly #vocabulary: number;
  readonly #inputs: { tokens: Tensor; positions: Tensor; mask: Tensor; wanted: Tensor };
  readonly #chunks: LossRows[];
  readonly #outcomes: LossOutcome[] = [];
  readonly #dropoutMasks: Value[] = [];
  readonly #dropout: number;

  constructor(device: Device, weights: Weights, layout: BatchLayout, options: BatchOptions) {
    const { c } = device;
    const { config } = weights;
    const { length, bins, wanted } = layout;
    const rows = length * bins;
    this.layout = layout;
    this.#device = device;
    this.#vocabulary = config.vocabulary;
    this.#dropout = options.dropout;
    const chunkRows = lossChunks(wanted, config.vocabulary);
    this.#context = c.ggml_init({
      mem_size: contextBytes(c, tensorsPerLayer * (config.layers + 1) + 64 * chunkRows.length),
      mem_buffer: null,
      no_alloc: true,
    });
    this.#memory = new Memory(device, 4 * config.layers + 3 * chunkRows.length + 8);
    this.#inputs = {
      tokens: this.#memory.reserve([rows], I32),
      positions: this.#memory.reserve([rows], I32),
      mask: this.#memory.reserve([length, length, 1, bins]),
      wanted: this.#memory.reserve([wanted], I32),
    };
    this.#chunks = chunkRows.map((count) => ({
      rows: count,
      targets: this.#memory.reserve([count], I32),
      weights: this.#memory.reserve([count]),
    }));
    const tape = new Tape(c, this.#context, device.blas !== undefined);
    const dropout = (shape: readonly number[]): Value => {
      const mask = { name: 'dropout mask', tensor: this.#memory.reserve(shape), shape, needsGradient: false };
      this.#dropoutMasks.push(mask);
      return mask;
    };
    const hidden = llamaHidden(
      tape,
      weights,
      {
        length,
        bins,
        ...this.#inputs,
        wantedCount: wanted,
        ...(options.train && options.dropout > 0 ? { dropout } : {}),
      },
      { recompute: options.train && options.recompute },
    );
    const chunkIndices: { tensor: Tensor; from: number; count: number }[] = [];
    let from = 0;
    for (const labels of this.#chunks) {
      let x = hidden;
      if (this.#chunks.length > 1) {
        const tensor = this.#memory.reserve([labels.rows], I32);
        chunkIndices.push({ tensor, from, count: labels.rows });
        x = gatherRows(tape, hidden, tensor, labels.rows, 'chunk of hidden');
      }
      from += labels.rows;
      this.#outcomes.push(crossEntropy(tape, outputHead(weights), { x, labels }, options.train));
    }
    if (options.train) tape.backward();
    this.#memory.allocate();
    for (const { tensor, from: first, count } of chunkIndices)
      upload(
        device,
        tensor,
        Int32Array.from({ length: count }, (_, i) => first + i),
      );
    this.#program = new Program(
      device,
      tape,
      this.#outcomes.flatMap(({ loss, predicted }) => (predicted ? [loss, predicted] : [loss])),
    );
  }

  get bytes(): number {
    return this.#memory.bytes + this.#program.bytes;
  }

  /** Computes the batch. Returns the summed loss in nats; training also adds to the parameters' gradient sums. `seeds` decide what is dropped. */
  run(batch: BatchArrays, ...seeds: readonly number[]): { loss: number; predicted: Int32Array } {
    const { tokens, positions, mask, wanted } = this.#inputs;
    upload(this.#device, tokens, batch.tokens);
    upload(this.#device, positions, batch.positions);
    upload(this.#device, mask, batch.mask);
    upload(this.#device, wanted, batch.wanted);
    let from = 0;
    for (const { rows, targets, weights } of this.#chunks) {
      upload(
        this.#device,
        targets,
        batch.targets.slice(from, from + rows).map((target, row) => row * this.#vocabulary + target),
      );
      upload(this.#device, weights, batch.weights.slice(from, from + rows));
      from += rows;
    }
    for (const [index, { tensor, shape }] of this.#dropoutMasks.entries()) {
      upload(this.#device, tensor, dropoutMask(elements(shape), this.#dropout, randomStream(...seeds, index)));
    }
    this.#program.run();
    const predicted = new Int32Array(this.layout.wanted);
    let loss = 0;
    from = 0;
    for (const [index, outcome] of this.#outcomes.entries()) {
      loss += download(this.#device, outcome.loss)[0]!;
      if (outcome.predicted) predicted.set(downloadIntegers(this.#device, outcome.predicted), from);
      from += this.#chunks[index]!.rows;
    }
    return { loss, predicted };
  }

  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    this.#device.c.ggml_free(this.#context);
  }
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
