import { invalid } from '../arguments.ts';
import type { LlamaModel } from '../model/llama-model.ts';
import type { Pointer } from '../native/pointer.ts';

/** Token id, logit and probability, four bytes each. */
const wordsPerToken = 3;

/**
 * The candidates for one token, on which samplers and grammars work in turns before one is picked. Impossible ones are
 * left out: native samplers take logarithms of probabilities.
 */
export class Candidates {
  readonly #vocabulary: number;
  readonly #ids: Int32Array;
  readonly #numbers: Float32Array;
  /** llama_token_data_array. */
  readonly #array: Uint8Array;
  readonly #fields: DataView;
  readonly #offsets: Record<'size' | 'selected' | 'sorted', number>;

  constructor(model: LlamaModel) {
    const { native, vocab } = model;
    this.#vocabulary = vocab.size;
    const memory = new ArrayBuffer(vocab.size * wordsPerToken * 4);
    this.#ids = new Int32Array(memory);
    this.#numbers = new Float32Array(memory);
    const struct = 'llama_token_data_array';
    // A buffer of its own: V8 moves small typed arrays.
    this.#array = new Uint8Array(new ArrayBuffer(native.sizeOf(struct)));
    this.#array.set(
      native.encode(struct, {
        data: native.address(this.#ids) as Pointer<'llama_token_data'>,
        size: vocab.size,
        selected: -1,
        sorted: false,
      }),
    );
    this.#fields = new DataView(this.#array.buffer);
    this.#offsets = {
      size: native.offsetOf(struct, 'size'),
      selected: native.offsetOf(struct, 'selected'),
      sorted: native.offsetOf(struct, 'sorted'),
    };
  }

  /** The C struct, for native calls. */
  get struct(): Uint8Array {
    return this.#array;
  }

  /** Starts again from the logits of the whole vocabulary but impossible ones (-Infinity); false when there is none. */
  fill(logits: Float32Array): boolean {
    if (logits.length !== this.#vocabulary) throw invalid(`${logits.length} logits, not ${this.#vocabulary}`);
    const ids = this.#ids;
    const numbers = this.#numbers;
    let at = 0;
    for (let token = 0; token < logits.length; token++) {
      const logit = logits[token]!;
      if (!(logit > -Infinity)) continue;
      ids[at] = token;
      numbers[at + 1] = logit;
      at += wordsPerToken;
    }
    this.#reset(at / wordsPerToken);
    return at > 0;
  }

  /** A single candidate. */
  set(token: number): void {
    this.#ids[0] = token;
    this.#numbers[1] = 0;
    this.#reset(1);
  }

  /** Leaves out those that have become impossible; false when none is left. */
  dropImpossible(): boolean {
    const ids = this.#ids;
    const numbers = this.#numbers;
    const end = this.#size * wordsPerToken;
    let to = 0;
    for (let at = 0; at < end; at += wordsPerToken) {
      const logit = numbers[at + 1]!;
      if (!(logit > -Infinity)) continue;
      ids[to] = ids[at]!;
      numbers[to + 1] = logit;
      to += wordsPerToken;
    }
    this.#reset(to / wordsPerToken);
    return to > 0;
  }

  /** The token that a sampler picked. */
  get picked(): number {
    const selected = Number(this.#fields.getBigInt64(this.#offsets.selected, true));
    if (selected < 0 || selected >= this.#size) throw invalid('no candidate was picked');
    return this.#ids[selected * wordsPerToken]!;
  }

  get #size(): number {
    return Number(this.#fields.getBigUint64(this.#offsets.size, true));
  }

  #reset(size: number): void {
    this.#fields.setBigUint64(this.#offsets.size, BigInt(size), true);
    this.#fields.setBigInt64(this.#offsets.selected, -1n, true);
    this.#fields.setUint8(this.#offsets.sorted, 0);
  }
}
