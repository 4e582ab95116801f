import { existsSync } from 'node:fs';
import { invalidFile } from '../gguf/invalid-file.ts';
import { MetadataReader } from '../gguf/metadata.ts';
import { readGgufSync } from '../gguf/read.ts';
import { Lifetime } from '../lifetime.ts';
import type { Pointer } from '../native/pointer.ts';
import type { LlamaModel } from './llama-model.ts';

/** A LoRA adapter over a loaded model, for `LlamaContext.setAdapters`. */
export class Adapter implements Disposable {
  readonly model: LlamaModel;
  readonly pointer: Pointer<'llama_adapter_lora'>;
  readonly lifetime = new Lifetime('adapter');
  private readonly releaseModel: () => void;

  /** Checks the GGUF file and loads it. Throws `invalid_model_file` when it is not an adapter for this model. */
  static load(model: LlamaModel, path: string): Adapter {
    if (!existsSync(path)) throw invalidFile(path, 'there is no such file');
    const file = readGgufSync(path);
    const metadata = new MetadataReader(file.metadata, path);
    if (metadata.string('general.type') !== 'adapter' || metadata.string('adapter.type') !== 'lora') {
      throw invalidFile(path, 'it is not a LoRA adapter');
    }
    const architecture = metadata.requireString('general.architecture');
    if (architecture !== model.architecture) {
      throw invalidFile(path, `it is for the architecture ${architecture}, the model is ${model.architecture}`);
    }
    const known = new Set(model.file.tensors.map((tensor) => tensor.name));
    const foreign = file.tensors.find((tensor) => !known.has(tensor.name.replace(/\.lora_[ab]$/, '')));
    if (foreign) throw invalidFile(path, `its tensor ${foreign.name} has no counterpart in the model`);
    const release = model.lifetime.hold('adapter');
    const { native } = model;
    const { result, errors } = native.collectErrors(() => native.c.llama_adapter_lora_init(model.pointer, path));
    if (result !== null) return new Adapter(model, result, release);
    release();
    throw invalidFile(path, errors.join('; ') || 'the native library refused it');
  }

  private constructor(model: LlamaModel, pointer: Pointer<'llama_adapter_lora'>, releaseModel: () => void) {
    this.model = model;
    this.pointer = pointer;
    this.releaseModel = releaseModel;
  }

  /** Throws `conflict` while a context has it set; a second call does nothing. */
  [Symbol.dispose](): void {
    this.lifetime.end(() => {
      this.model.native.c.llama_adapter_lora_free(this.pointer);
      this.releaseModel();
    });
  }
}
