import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** The lines of `files`, one after the other; empty ones are left out. Memory holds a line and a read-ahead. */
export async function* readLines(files: readonly string[]): AsyncGenerator<string, void, void> {
  for (const file of files) {
    const input = createReadStream(file);
    try {
      for await (const line of createInterface({ input, crlfDelay: Infinity })) if (line.trim() !== '') yield line;
    } finally {
      input.destroy();
    }
  }
}
