import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseHead, type Head } from '@atelier/data';
import { AtelierError } from '@atelier/errors';

/** A head of a thousand labels on 8192 numbers is a third of this. */
const maxFileBytes = 128 << 20;
/** What a runner can say of a head, and of one input by it, in one message. */
const maxLabelBytes = 256 << 10;
const maxOutputs = 1 << 15;
const maxHeads = 16;

type Entry = { head: Head; stamp: string };

/** The heads that requests have asked for, read again when their file has changed. */
export class HeadCache {
  readonly #width: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();

  /** `width`: numbers in a hidden state of the model. */
  constructor(width: number) {
    this.#width = width;
  }

  /** Throws `invalid_model_file` for a file that is missing, no head, or one for another model. */
  async read(file: string): Promise<Head> {
    const refuse = (reason: string): AtelierError =>
      new AtelierError('invalid_model_file', { file: path.basename(file), reason });
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) throw refuse('there is no such file');
    if (found.size > maxFileBytes) throw refuse(`it has ${found.size} bytes, more than ${maxFileBytes}`);
    const stamp = `${found.size} ${found.mtimeMs} ${found.ino}`;
    let entry = this.#entries.get(file);
    if (entry?.stamp !== stamp) {
      const head = parseHead(await readFile(file, 'utf8'), path.basename(file));
      if (head.width !== this.#width)
        throw refuse(`it is for hidden states of ${head.width} numbers, this model's have ${this.#width}`);
      if (head.bias.length > maxOutputs) throw refuse(`it has ${head.bias.length} outputs, more than ${maxOutputs}`);
      if (Buffer.byteLength(JSON.stringify(head.targets)) > maxLabelBytes)
        throw refuse(`its labels have more than ${maxLabelBytes} bytes`);
      entry = { head, stamp };
    }
    this.#entries.delete(file);
    this.#entries.set(file, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxHeads) break;
      this.#entries.delete(oldest);
    }
    return entry.head;
  }
}
