import { checkInteger, maxInt32, maxUint32 } from '../arguments.ts';
import { ggml_type, llama_flash_attn_type, llama_pooling_type } from '../generated/enums.ts';
import type { llama_context_params } from '../generated/structs.ts';

export type Pooling = 'none' | 'mean' | 'cls' | 'last' | 'rank';
/** Types that the memory of keys and values can be kept in. */
export type KvType = 'F32' | 'F16' | 'BF16' | 'Q8_0';

/** Named as in llama.cpp's `llama_context_params`; what is left out keeps its default there unless said otherwise. */
export interface ContextOptions {
  /** Positions remembered, over all sequences together; the model's training length by default. */
  nCtx?: number;
  /** Most tokens in one `decode`; 2048 by default. */
  nBatch?: number;
  /** Most tokens computed at once inside it; 512 by default. */
  nUbatch?: number;
  /** How many sequences can be told apart; 1 by default. */
  nSeqMax?: number;
  /** Threads for single tokens and for larger batches; 4 each by default, the second as the first when only that is given. */
  nThreads?: number;
  nThreadsBatch?: number;
  /** Also computes embeddings. */
  embeddings?: boolean;
  /** How embeddings of a sequence are joined; the model's own way by default. */
  pooling?: Pooling;
  /** One memory for all sequences, instead of an equal part for each. Sequences can then share long beginnings. */
  kvUnified?: boolean;
  flashAttention?: boolean;
  typeK?: KvType;
  typeV?: KvType;
  /** Keeps keys and values on the GPU; true by default. */
  offloadKqv?: boolean;
}

/** LLAMA_MAX_SEQ in llama.cpp's source. */
const maxSequences = 256;
export const maxThreads = 512;

const poolings: Record<Pooling, llama_pooling_type> = {
  none: llama_pooling_type.LLAMA_POOLING_TYPE_NONE,
  mean: llama_pooling_type.LLAMA_POOLING_TYPE_MEAN,
  cls: llama_pooling_type.LLAMA_POOLING_TYPE_CLS,
  last: llama_pooling_type.LLAMA_POOLING_TYPE_LAST,
  rank: llama_pooling_type.LLAMA_POOLING_TYPE_RANK,
};

/** The C struct for these options, over the library's defaults. Throws `invalid_request` for numbers out of range. */
export function contextParameters(defaults: llama_context_params, options: ContextOptions): llama_context_params {
  const parameters = { ...defaults };
  parameters.n_ctx = checkInteger('nCtx', options.nCtx ?? 0, 0, maxInt32);
  parameters.n_batch = checkInteger('nBatch', options.nBatch ?? defaults.n_batch, 1, maxInt32);
  parameters.n_ubatch = checkInteger(
    'nUbatch',
    options.nUbatch ?? Math.min(defaults.n_ubatch, parameters.n_batch),
    1,
    maxUint32,
  );
  parameters.n_seq_max = checkInteger('nSeqMax', options.nSeqMax ?? defaults.n_seq_max, 1, maxSequences);
  parameters.n_threads = checkInteger('nThreads', options.nThreads ?? defaults.n_threads, 1, maxThreads);
  parameters.n_threads_batch = checkInteger(
    'nThreadsBatch',
    options.nThreadsBatch ?? parameters.n_threads,
    1,
    maxThreads,
  );
  parameters.embeddings = options.embeddings ?? false;
  if (options.pooling) parameters.pooling_type = poolings[options.pooling];
  parameters.kv_unified = options.kvUnified ?? false;
  if (options.flashAttention !== undefined) {
    const { LLAMA_FLASH_ATTN_TYPE_ENABLED, LLAMA_FLASH_ATTN_TYPE_DISABLED } = llama_flash_attn_type;
    parameters.flash_attn_type = options.flashAttention
      ? LLAMA_FLASH_ATTN_TYPE_ENABLED
      : LLAMA_FLASH_ATTN_TYPE_DISABLED;
  }
  if (options.typeK) parameters.type_k = ggml_type[`GGML_TYPE_${options.typeK}`];
  if (options.typeV) parameters.type_v = ggml_type[`GGML_TYPE_${options.typeV}`];
  parameters.offload_kqv = options.offloadKqv ?? true;
  return parameters;
}
