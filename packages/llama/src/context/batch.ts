import { checkInteger, invalid, maxInt32 } from '../arguments.ts';
import type { llama_batch } from '../generated/structs.ts';
import type { Native } from '../native/native.ts';
import type { Pointer } from '../native/pointer.ts';

/** Positions are signed 32-bit, and a batch's arrays are addressed in bytes of them. */
const maxCapacity = 2 ** 24;

/**
 * Tokens for one `decode`, in arrays that native code reads in place. Its memory is JavaScript's own, so that a view
 * can never outlive it; fill it with `add`, or write the arrays and set `length`.
 */
export class Batch {
  readonly capacity: number;
  readonly maxSequences: number;
  /** How many entries are filled. */
  length = 0;
  readonly token: Int32Array;
  readonly pos: Int32Array;
  readonly sequenceCount: Int32Array;
  /** `maxSequences` sequence ids per token, of which the first `sequenceCount[i]` hold. */
  readonly sequences: Int32Array;
  /** 1 where logits (and embeddings) are wanted. */
  readonly logits: Int8Array;
  private readonly sequencePointers: BigUint64Array;
  private readonly native: Native;

  /** Holds up to `capacity` tokens, each in up to `maxSequences` sequences. */
  constructor(native: Native, capacity: number, maxSequences = 1) {
    this.native = native;
    this.capacity = checkInteger('capacity', capacity, 1, maxCapacity);
    this.maxSequences = checkInteger('maxSequences', maxSequences, 1, 256);
    // Each array has a buffer of its own: V8 keeps small typed arrays inside objects that move, buffers never.
    this.token = new Int32Array(new ArrayBuffer(capacity * 4));
    this.pos = new Int32Array(new ArrayBuffer(capacity * 4));
    this.sequenceCount = new Int32Array(new ArrayBuffer(capacity * 4));
    this.sequences = new Int32Array(new ArrayBuffer(capacity * maxSequences * 4));
    this.logits = new Int8Array(new ArrayBuffer(capacity));
    this.sequencePointers = new BigUint64Array(new ArrayBuffer(capacity * 8));
    const first = native.address(this.sequences);
    for (let index = 0; index < capacity; index++) {
      this.sequencePointers[index] = first + BigInt(index * maxSequences * 4);
    }
  }

  /** Appends a token and returns its index, which `LlamaContext.logits` takes after the decode. */
  add(token: number, pos: number, sequence: number | readonly number[], logits: boolean): number {
    const index = this.length;
    if (index === this.capacity) throw invalid(`the batch holds ${this.capacity} tokens`);
    this.token[index] = checkInteger('token', token, 0, maxInt32);
    this.pos[index] = checkInteger('pos', pos, 0, maxInt32);
    const list = typeof sequence === 'number' ? [sequence] : sequence;
    if (list.length < 1 || list.length > this.maxSequences) {
      throw invalid(`a token is in ${list.length} sequences, not 1 to ${this.maxSequences}`);
    }
    for (const [at, id] of list.entries())
      this.sequences[index * this.maxSequences + at] = checkInteger('sequence', id, 0, 255);
    this.sequenceCount[index] = list.length;
    this.logits[index] = logits ? 1 : 0;
    this.length = index + 1;
    return index;
  }

  clear(): void {
    this.length = 0;
  }

  /**
   * Checks every filled entry against a context's limits: native code asserts some and indexes memory by others.
   * Throws `invalid_request`.
   */
  check(limits: { tokens: number; vocabulary: number; sequences: number }): void {
    checkInteger('the number of tokens in the batch', this.length, 1, Math.min(this.capacity, limits.tokens));
    for (let index = 0; index < this.length; index++) {
      checkInteger(`token ${index}`, this.token[index] ?? -1, 0, limits.vocabulary - 1);
      checkInteger(`pos ${index}`, this.pos[index] ?? -1, 0, maxInt32);
      const count = checkInteger(`sequenceCount ${index}`, this.sequenceCount[index] ?? 0, 1, this.maxSequences);
      for (let at = 0; at < count; at++) {
        checkInteger('sequence', this.sequences[index * this.maxSequences + at] ?? -1, 0, limits.sequences - 1);
      }
    }
  }

  /** The C struct, pointing into this batch's arrays; the batch must be kept while native code works on it. */
  struct(): llama_batch {
    const pointer = <T extends string>(array: ArrayBufferView): Pointer<T> => this.native.address(array) as Pointer<T>;
    return {
      n_tokens: this.length,
      token: pointer<'int32_t'>(this.token),
      embd: null,
      pos: pointer<'int32_t'>(this.pos),
      n_seq_id: pointer<'int32_t'>(this.sequenceCount),
      seq_id: pointer<'int32_t*'>(this.sequencePointers),
      logits: pointer<'int8_t'>(this.logits),
    };
  }
}
