import { AtelierError } from '@atelier/errors';
import { checkInteger, checkNumber, invalid } from '../arguments.ts';
import { llama_pooling_type } from '../generated/enums.ts';
import { Lifetime } from '../lifetime.ts';
import type { Adapter } from '../model/adapter.ts';
import type { LlamaModel } from '../model/llama-model.ts';
import type { Native } from '../native/native.ts';
import type { Pointer } from '../native/pointer.ts';
import type { Batch } from './batch.ts';
import { ContextMemory } from './context-memory.ts';
import { type ContextOptions, contextParameters, maxThreads } from './context-options.ts';
import { threadPool } from './thread-pool.ts';

const maxViews = 1024;

/** `no-slot`: the memory has no room for the batch, and nothing changed. */
export type DecodeResult = 'ok' | 'no-slot';

/** A place to run a model: its memory of sequences and the results of the last batch. */
export class LlamaContext implements Disposable {
  readonly native: Native;
  readonly model: LlamaModel;
  readonly pointer: Pointer<'llama_context'>;
  readonly memory: ContextMemory;
  /** Positions remembered in all, and by one sequence. */
  readonly nCtx: number;
  readonly nCtxSeq: number;
  /** Most tokens in one batch. */
  readonly nBatch: number;
  readonly nSeqMax: number;
  readonly embeddingsEnabled: boolean;
  /** False where a token attends to what follows it: such a model cannot generate, and takes a sequence in one batch. */
  readonly isCausal: boolean;
  readonly lifetime = new Lifetime('context');
  private readonly pooling: llama_pooling_type;
  private readonly releaseModel: () => void;
  private releaseAdapters: (() => void)[] = [];
  /** Which entries of the last batch have results; native code asserts that only those are asked for. */
  private outputs = new Int8Array(0);
  /** Rows of logits by their address, which are the same for long: V8 counts each new view as so much memory to be collected. */
  private readonly views = new Map<Pointer, Float32Array>();
  /** As it was set. */
  private threads: number | undefined;

  /** Makes a context. Throws `invalid_request` for options out of range or that the model cannot serve. */
  constructor(model: LlamaModel, options: ContextOptions = {}) {
    const { native } = model;
    const parameters = contextParameters(native.c.llama_context_default_params(), options);
    if (native.gpu === 'cpu') {
      parameters.offload_kqv = false;
      parameters.op_offload = false;
    }
    this.releaseModel = model.lifetime.hold('context');
    const { result, errors } = native.collectErrors(() => native.c.llama_init_from_model(model.pointer, parameters));
    if (result === null) {
      this.releaseModel();
      throw invalid(`the context could not be made: ${errors.join('; ')}`);
    }
    const memory = native.c.llama_get_memory(result);
    this.native = native;
    this.model = model;
    this.pointer = result;
    this.nCtx = native.c.llama_n_ctx(result);
    this.nCtxSeq = native.c.llama_n_ctx_seq(result);
    this.nBatch = native.c.llama_n_batch(result);
    // Attention in both directions needs the whole batch at once; native code asserts it.
    this.isCausal = memory !== null && !model.isEncoder;
    if (!this.isCausal) this.nBatch = Math.min(this.nBatch, native.c.llama_n_ubatch(result));
    this.nSeqMax = native.c.llama_n_seq_max(result);
    this.embeddingsEnabled = parameters.embeddings;
    this.pooling = native.c.llama_pooling_type(result);
    const limits = { sequences: this.nSeqMax, unified: parameters.kv_unified };
    this.memory = new ContextMemory(native.c, memory, this.lifetime, limits);
  }

  /**
   * Computes a batch on this thread. Throws `invalid_request` for entries out of range or positions that do not go on
   * from what is remembered, and `internal` when the computation failed, after which the memory is undefined.
   */
  decode(batch: Batch): DecodeResult {
    this.prepare(batch);
    return this.finish(batch, this.native.c.llama_decode(this.pointer, batch.struct()));
  }

  /**
   * Logits after the batch's entry `index` (-1: the last), one per token of the vocabulary, in native memory: valid
   * until the next decode, and writable, which is how a sampler can be steered.
   */
  logits(index = -1): Float32Array {
    const pointer = this.native.c.llama_get_logits_ith(this.pointer, this.checkOutput(index));
    if (pointer === null) throw invalid('this model has no logits');
    let view = this.views.get(pointer);
    if (!view) {
      if (this.views.size >= maxViews) this.views.clear();
      view = new Float32Array(this.native.view(pointer, this.model.vocab.size * 4));
      this.views.set(pointer, view);
    }
    return view;
  }

  /** The embedding of the batch's entry `index` (-1: the last), valid until the next decode. */
  embeddings(index = -1): Float32Array {
    this.checkEmbeddings();
    if (this.isPooled) throw invalid('this context joins embeddings by sequence');
    return this.embeddingAt(this.native.c.llama_get_embeddings_ith(this.pointer, this.checkOutput(index)));
  }

  /**
   * The joined embedding of a sequence in the last batch, valid until the next decode; with pooling `rank`, the scores
   * that the model's own head gives it, as many as the file names labels or one.
   */
  sequenceEmbedding(sequence: number): Float32Array {
    this.lifetime.check();
    this.checkEmbeddings();
    checkInteger('sequence', sequence, 0, this.nSeqMax - 1);
    if (!this.isPooled) throw invalid('this context does not join embeddings by sequence');
    return this.embeddingAt(this.native.c.llama_get_embeddings_seq(this.pointer, sequence));
  }

  /** Replaces the adapters in use. Memory computed with others stays: clear it first. */
  setAdapters(adapters: readonly { adapter: Adapter; scale?: number }[]): void {
    this.lifetime.check();
    const scales = Float32Array.from(adapters, ({ scale }) => checkNumber('scale', scale ?? 1, -1e6, 1e6));
    for (const { adapter } of adapters) {
      if (adapter.model !== this.model) throw invalid('the adapter was loaded for another model');
    }
    const held = adapters.map(({ adapter }) => adapter.lifetime.hold('context'));
    const pointers = BigUint64Array.from(adapters, ({ adapter }) => adapter.pointer);
    const status = this.native.c.llama_set_adapters_lora(this.pointer, pointers, adapters.length, scales);
    if (status !== 0) {
      for (const release of held) release();
      throw invalid(`the adapters could not be set (${status})`);
    }
    for (const release of this.releaseAdapters) release();
    this.releaseAdapters = held;
  }

  /**
   * How many threads compute from now on. They are kept for the next batch, and those of a process's contexts are the same
   * ones, while llama.cpp by itself starts threads for each batch.
   */
  setThreads(threads: number): void {
    this.lifetime.check();
    checkInteger('threads', threads, 1, maxThreads);
    if (threads === this.threads) return;
    const { c } = this.native;
    const pool = threadPool(this.native, threads);
    if (pool === null) c.llama_detach_threadpool(this.pointer);
    else c.llama_attach_threadpool(this.pointer, pool, pool);
    c.llama_set_n_threads(this.pointer, threads, threads);
    this.threads = threads;
  }

  /**
   * The index of a batch entry that has results, for native calls that take one. Throws `invalid_request` when the
   * last decode gave it none.
   */
  checkOutput(index: number): number {
    this.lifetime.check();
    const entry = index === -1 ? this.outputs.lastIndexOf(1) : index;
    if (this.outputs[entry] !== 1) throw invalid(`entry ${index} of the last batch has no results`);
    return entry;
  }

  /** Frees the context's memory; a second call does nothing. */
  [Symbol.dispose](): void {
    this.lifetime.end(() => {
      this.native.c.llama_free(this.pointer);
      for (const release of this.releaseAdapters) release();
      this.releaseModel();
    });
  }

  private prepare(batch: Batch): void {
    this.lifetime.check();
    batch.check({ tokens: this.nBatch, vocabulary: this.model.vocab.size, sequences: this.nSeqMax });
    this.outputs = new Int8Array(0);
  }

  private finish(batch: Batch, status: number): DecodeResult {
    if (status === 0) {
      this.outputs = Int8Array.from(batch.logits.subarray(0, batch.length), (wanted) => (wanted === 0 ? 0 : 1));
      return 'ok';
    }
    if (status === 1) return 'no-slot';
    if (status === -1) throw invalid('positions of the batch do not go on from what the context remembers');
    throw new AtelierError('internal', {}, new Error(`llama_decode returned ${status}`));
  }

  private checkEmbeddings(): void {
    if (!this.embeddingsEnabled) throw invalid('this context does not compute embeddings');
  }

  private get isPooled(): boolean {
    return this.pooling !== llama_pooling_type.LLAMA_POOLING_TYPE_NONE;
  }

  private embeddingAt(pointer: Pointer<'float'> | null): Float32Array {
    if (pointer === null) throw invalid('the last batch gave no such embedding');
    const { c } = this.native;
    const length =
      this.pooling === llama_pooling_type.LLAMA_POOLING_TYPE_RANK
        ? c.llama_model_n_cls_out(this.model.pointer)
        : c.llama_model_n_embd_out(this.model.pointer);
    return new Float32Array(this.native.view(pointer, length * 4));
  }
}
