import { type FSWatcher, watch } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { type RunEvent, runEventSchema } from '@atelier/tuner/contract';

/** fs.watch misses changes on some file systems; this bounds how late an event can be. */
const POLL_MS = 250;
const CHUNK_BYTES = 256 << 10;
/** No event is near this long: more means that the file is not what it should be. */
const MAX_LINE_BYTES = 1 << 20;

/**
 * The events in `file` from its start on, then new ones as they are written, until `done` has settled and everything is
 * read. A last line without its end is left alone until it is whole: a resumed trainer cuts such a line off.
 * @throws AtelierError `training_failed` when a line is not an event.
 */
export async function* tailEvents(file: string, done: Promise<unknown>): AsyncGenerator<RunEvent> {
  let changed = Promise.withResolvers<void>();
  const wake = () => changed.resolve();
  let over = false;
  void done.then(() => {
    over = true;
    wake();
  });
  const timer = setInterval(wake, POLL_MS);
  let watcher: FSWatcher | undefined;
  try {
    try {
      watcher = watch(path.dirname(file), { persistent: false }, wake).on('error', () => {});
    } catch {
      // No watching here (a limit of the machine, a network file system): the timer does.
    }
    for (let offset = 0; ;) {
      const last = over;
      for await (const line of wholeLines(file, offset)) {
        offset += line.byteLength + 1;
        yield parseEvent(line);
      }
      if (last) return;
      await changed.promise;
      changed = Promise.withResolvers();
    }
  } finally {
    clearInterval(timer);
    watcher?.close();
  }
}

function parseEvent(line: Buffer): RunEvent {
  try {
    return runEventSchema.parse(JSON.parse(line.toString()));
  } catch (error) {
    throw new AtelierError('training_failed', { reason: 'the trainer wrote an event that is none' }, error);
  }
}

/** The lines of `file` from byte `start` on that have their end; none when there is no such file yet. */
async function* wholeLines(file: string, start: number): AsyncGenerator<Buffer> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (handle === null) return;
  try {
    let pending = Buffer.alloc(0);
    for (let position = start; ;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      pending = Buffer.concat([pending, buffer.subarray(0, bytesRead)]);
      for (let end = pending.indexOf(0x0a); end >= 0; end = pending.indexOf(0x0a)) {
        yield pending.subarray(0, end);
        pending = pending.subarray(end + 1);
      }
      if (pending.byteLength > MAX_LINE_BYTES)
        throw new AtelierError('training_failed', { reason: 'the trainer wrote an endless line' });
    }
  } finally {
    await handle.close();
  }
}
