/** Builds GGUF bytes by hand, right or wrong, independently of the writer under test. */
export class GgufBytes {
  private readonly parts: Buffer[] = [];

  /** The bytes of text or of any array. */
  raw(content: ArrayBufferView | string): this {
    const view = typeof content === 'string' ? Buffer.from(content) : content;
    this.parts.push(Buffer.from(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer));
    return this;
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.raw(bytes);
  }

  u64(value: number | bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return this.raw(bytes);
  }

  string(text: string | Uint8Array): this {
    const bytes = Buffer.from(text as Uint8Array);
    return this.u64(bytes.length).raw(bytes);
  }

  header(tensors: number | bigint, keys: number | bigint, version = 3): this {
    return this.raw('GGUF').u32(version).u64(tensors).u64(keys);
  }

  /** An F32 tensor entry unless told otherwise. */
  tensor(name: string, shape: readonly (number | bigint)[], offset: number | bigint, type = 0): this {
    this.string(name).u32(shape.length);
    for (const size of shape) this.u64(size);
    return this.u32(type).u64(offset);
  }

  /** Zeroes up to a multiple of `alignment`. */
  pad(alignment = 32): this {
    const length = this.bytes().length;
    return this.raw(Buffer.alloc((alignment - (length % alignment)) % alignment));
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}
