import { existsSync } from 'node:fs';
import { checkInteger, maxInt32 } from '../arguments.ts';
import { llama_vocab_type } from '../generated/enums.ts';
import { invalidFile } from '../gguf/invalid-file.ts';
import { MetadataReader } from '../gguf/metadata.ts';
import { type GgufFile, readGgufSync } from '../gguf/read.ts';
import { Lifetime } from '../lifetime.ts';
import { loadNative, type Native } from '../native/native.ts';
import type { Pointer } from '../native/pointer.ts';
import { checkModel } from './check-model.ts';
import { Vocab } from './vocab.ts';

export interface ModelOptions {
  /** Layers on the GPU; all of them by default. Without a GPU it means nothing. */
  gpuLayers?: number;
  /** Loads the vocabulary without the weights. */
  vocabOnly?: boolean;
  /** Checks every stored number for NaN and infinity, which reads the whole file. */
  checkTensors?: boolean;
}

/** A GGUF model in native memory. Several contexts share its weights; it cannot be disposed before them. */
export class LlamaModel implements Disposable {
  readonly native: Native;
  readonly pointer: Pointer<'llama_model'>;
  readonly path: string;
  /** The file as the strict reader described it. */
  readonly file: GgufFile;
  /** Typed access to the file's metadata. */
  readonly metadata: MetadataReader;
  readonly vocab: Vocab;
  readonly lifetime = new Lifetime('model');

  /**
   * Checks the file and loads it, blocking the thread. Loads the native libraries with their default setting if
   * `loadNative` was not called before. Throws `invalid_model_file` for a file that is missing or not usable.
   */
  static load(path: string, options: ModelOptions = {}): LlamaModel {
    const gpuLayers = checkInteger('gpuLayers', options.gpuLayers ?? -1, -1, maxInt32);
    if (!existsSync(path)) throw invalidFile(path, 'there is no such file');
    const file = readGgufSync(path);
    checkModel(path, file);
    const native = loadNative();
    const parameters = {
      ...native.c.llama_model_default_params(),
      // Apple's libraries bring their GPU along even where it was switched off.
      n_gpu_layers: native.gpu === 'cpu' ? 0 : gpuLayers,
      vocab_only: options.vocabOnly ?? false,
      check_tensors: options.checkTensors ?? false,
    };
    const { result, errors } = native.collectErrors(() => native.c.llama_model_load_from_file(path, parameters));
    if (result === null) throw invalidFile(path, errors.join('; ') || 'the native library refused it');
    // Everything that takes text would abort the process.
    if (native.c.llama_vocab_type(native.c.llama_model_get_vocab(result)) === llama_vocab_type.LLAMA_VOCAB_TYPE_NONE) {
      native.c.llama_model_free(result);
      throw invalidFile(path, 'it has no vocabulary');
    }
    return new LlamaModel(native, result, path, file);
  }

  private constructor(native: Native, pointer: Pointer<'llama_model'>, path: string, file: GgufFile) {
    this.native = native;
    this.pointer = pointer;
    this.path = path;
    this.file = file;
    this.metadata = new MetadataReader(file.metadata, path);
    this.vocab = new Vocab(native.c, native.c.llama_model_get_vocab(pointer), this.lifetime);
  }

  get architecture(): string {
    return this.metadata.requireString('general.architecture');
  }

  get name(): string | undefined {
    return this.metadata.string('general.name');
  }

  /** The default chat template, or undefined for a model without one. */
  get chatTemplate(): string | undefined {
    return this.metadata.string('tokenizer.chat_template');
  }

  /** The context length that the model was trained with. */
  get contextLength(): number {
    return this.metadata.requireNumber(`${this.architecture}.context_length`);
  }

  get embeddingLength(): number {
    return this.metadata.requireNumber(`${this.architecture}.embedding_length`);
  }

  /** Numbers in an embedding, where the model projects its hidden states to another width. */
  get embeddingWidth(): number {
    return this.call((pointer) => this.native.c.llama_model_n_embd_out(pointer));
  }

  get layers(): number {
    return this.metadata.requireNumber(`${this.architecture}.block_count`);
  }

  /** Attention heads of the first layer, as `kvHeads`; 0 when only the vocabulary was loaded. */
  get heads(): number {
    return this.call((pointer) => this.native.c.llama_model_n_head(pointer));
  }

  get kvHeads(): number {
    return this.call((pointer) => this.native.c.llama_model_n_head_kv(pointer));
  }

  /** Number of weights, loaded or not. */
  get parameters(): number {
    return this.call((pointer) => this.native.c.llama_model_n_params(pointer));
  }

  /** Bytes of the weights, loaded or not. */
  get bytes(): number {
    return this.call((pointer) => this.native.c.llama_model_size(pointer));
  }

  /** True for models whose state is not a list of positions, so that sequences cannot be cut. */
  get isRecurrent(): boolean {
    return this.call(
      (pointer) => this.native.c.llama_model_is_recurrent(pointer) || this.native.c.llama_model_is_hybrid(pointer),
    );
  }

  /** True where tokens attend to what follows them: the model gives embeddings, and no text. */
  get isEncoder(): boolean {
    return this.metadata.boolean(`${this.architecture}.attention.causal`) === false;
  }

  /** True for models of an encoder and a decoder. */
  get hasEncoder(): boolean {
    return this.call((pointer) => this.native.c.llama_model_has_encoder(pointer));
  }

  /** Frees the weights. Throws `conflict` while a context or adapter uses them; a second call does nothing. */
  [Symbol.dispose](): void {
    this.lifetime.end(() => this.native.c.llama_model_free(this.pointer));
  }

  private call<T>(read: (pointer: Pointer<'llama_model'>) => T): T {
    this.lifetime.check();
    return read(this.pointer);
  }
}
