import { AtelierError } from '@atelier/errors';
import { MetadataReader, type GgufFile } from '@atelier/llama/gguf';

/** The metadata under the name of a file's architecture. What it holds against expectation is `invalid_model_file`. */
export class ModelKeys {
  readonly architecture: string;
  readonly #metadata: MetadataReader;
  readonly #file: string;

  /** `name` is the file's, for errors. */
  constructor(file: GgufFile, name: string) {
    this.#metadata = new MetadataReader(file.metadata, name);
    this.#file = name;
    this.architecture = this.#metadata.requireString('general.architecture');
  }

  /** A finite number that is not negative; without a fallback the key must be there. */
  number(key: string, fallback?: number): number {
    const whole = this.#whole(key);
    const value =
      fallback === undefined ? this.#metadata.requireNumber(whole) : (this.#metadata.number(whole) ?? fallback);
    if (!Number.isFinite(value) || value < 0) throw this.invalid(`${whole} is ${value}`);
    return value;
  }

  string(key: string): string | undefined {
    return this.#metadata.string(this.#whole(key));
  }

  boolean(key: string): boolean | undefined {
    return this.#metadata.boolean(this.#whole(key));
  }

  /** Undefined unless the key holds an array. */
  booleans(key: string): readonly boolean[] | undefined {
    const whole = this.#whole(key);
    return this.#metadata.isArray(whole) ? this.#metadata.booleans(whole) : undefined;
  }

  invalid(reason: string): AtelierError {
    return new AtelierError('invalid_model_file', { file: this.#file, reason });
  }

  #whole(key: string): string {
    return `${this.architecture}.${key}`;
  }
}
