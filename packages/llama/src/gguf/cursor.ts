import { isUtf8 } from 'node:buffer';
import { maxStringBytes } from './limits.ts';

/** The header goes on beyond the bytes read so far. */
export class NeedMoreBytes extends Error {}
/** The file is wrong; the message says how. Turned into `invalid_model_file` by whoever knows the file's name. */
export class Malformed extends Error {}

/** Reads little-endian values from the start of a file of which `bytes` are in memory. */
export class Cursor {
  position = 0;
  private readonly bytes: Buffer;
  private readonly fileSize: number;

  constructor(bytes: Buffer, fileSize: number) {
    this.bytes = bytes;
    this.fileSize = fileSize;
  }

  /** Bytes of the file after the position, in memory or not. */
  get remaining(): number {
    return this.fileSize - this.position;
  }

  /** Moves past `count` bytes and returns where they start. */
  skip(count: number): number {
    if (count > this.remaining) throw new Malformed(`the file ends inside its header, at byte ${this.fileSize}`);
    if (this.position + count > this.bytes.length) throw new NeedMoreBytes();
    const start = this.position;
    this.position += count;
    return start;
  }

  uint8(): number {
    return this.bytes.readUInt8(this.skip(1));
  }
  int8(): number {
    return this.bytes.readInt8(this.skip(1));
  }
  uint16(): number {
    return this.bytes.readUInt16LE(this.skip(2));
  }
  int16(): number {
    return this.bytes.readInt16LE(this.skip(2));
  }
  uint32(): number {
    return this.bytes.readUInt32LE(this.skip(4));
  }
  int32(): number {
    return this.bytes.readInt32LE(this.skip(4));
  }
  float32(): number {
    return this.bytes.readFloatLE(this.skip(4));
  }
  float64(): number {
    return this.bytes.readDoubleLE(this.skip(8));
  }
  uint64(): bigint {
    return this.bytes.readBigUInt64LE(this.skip(8));
  }
  int64(): bigint {
    return this.bytes.readBigInt64LE(this.skip(8));
  }

  bool(): boolean {
    const byte = this.uint8();
    if (byte > 1) throw new Malformed(`a boolean at byte ${this.position - 1} is ${byte}`);
    return byte === 1;
  }

  /** A 64-bit count that must not exceed `limit`; `what` names it in the error. */
  count(what: string, limit: number): number {
    const value = this.uint64();
    if (value > BigInt(limit)) throw new Malformed(`${what} is ${value}, more than ${limit}`);
    return Number(value);
  }

  /** A length-prefixed UTF-8 string. */
  string(what: string, limit: number = maxStringBytes): string {
    const length = this.count(`the length of ${what}`, limit);
    const start = this.skip(length);
    const slice = this.bytes.subarray(start, start + length);
    if (!isUtf8(slice)) throw new Malformed(`${what} is not valid UTF-8`);
    // Native code reads C strings: it would see another text than this reader.
    if (slice.includes(0)) throw new Malformed(`${what} holds a zero byte`);
    return slice.toString('utf8');
  }
}
