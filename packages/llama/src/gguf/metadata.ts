import type { AtelierError } from '@atelier/errors';
import { invalidFile } from './invalid-file.ts';
import type { GgufMetadata } from './values.ts';

/** Typed access to the metadata of a checked file; a missing key is undefined, a wrong type `invalid_model_file`. */
export class MetadataReader {
  private readonly metadata: GgufMetadata;
  private readonly path: string;

  /** `path` is for errors. */
  constructor(metadata: GgufMetadata, path: string) {
    this.metadata = metadata;
    this.path = path;
  }

  has(key: string): boolean {
    return this.metadata.has(key);
  }

  isArray(key: string): boolean {
    return this.metadata.get(key)?.type === 'ARRAY';
  }

  /** Any numeric value; 64-bit ones must fit a number exactly. */
  number(key: string): number | undefined {
    const entry = this.metadata.get(key);
    if (!entry) return undefined;
    const value = typeof entry.value === 'bigint' ? Number(entry.value) : entry.value;
    if (typeof value !== 'number' || (typeof entry.value === 'bigint' && !Number.isSafeInteger(value))) {
      throw this.invalid(key, 'a number');
    }
    return value;
  }

  requireNumber(key: string): number {
    return this.number(key) ?? this.missing(key);
  }

  string(key: string): string | undefined {
    const entry = this.metadata.get(key);
    if (entry && entry.type !== 'STRING') throw this.invalid(key, 'a string');
    return entry?.value;
  }

  requireString(key: string): string {
    return this.string(key) ?? this.missing(key);
  }

  boolean(key: string): boolean | undefined {
    const entry = this.metadata.get(key);
    if (entry && entry.type !== 'BOOL') throw this.invalid(key, 'a boolean');
    return entry?.value;
  }

  strings(key: string): readonly string[] | undefined {
    const entry = this.metadata.get(key);
    if (!entry) return undefined;
    if (entry.type !== 'ARRAY' || entry.items !== 'STRING') throw this.invalid(key, 'an array of strings');
    return entry.value;
  }

  booleans(key: string): readonly boolean[] | undefined {
    const entry = this.metadata.get(key);
    if (!entry) return undefined;
    if (entry.type !== 'ARRAY' || entry.items !== 'BOOL') throw this.invalid(key, 'an array of booleans');
    return entry.value;
  }

  numbers(key: string): readonly number[] | undefined {
    const entry = this.metadata.get(key);
    if (!entry) return undefined;
    if (entry.type !== 'ARRAY' || entry.items === 'STRING' || entry.items === 'BOOL') {
      throw this.invalid(key, 'an array of numbers');
    }
    return Array.from<number | bigint, number>(entry.value, Number);
  }

  private missing(key: string): never {
    throw invalidFile(this.path, `the metadata has no ${key}`);
  }

  private invalid(key: string, wanted: string): AtelierError {
    return invalidFile(this.path, `${key} is not ${wanted}`);
  }
}
