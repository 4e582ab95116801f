import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

/** Writes a file aside, syncs and renames it: at `file` there is what was there before or the whole new one. */
export async function writeWhole(
  file: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const aside = `${file}.${randomUUID()}.tmp`;
  const handle = await open(aside, 'wx');
  try {
    try {
      await fill((bytes) => handle.writeFile(bytes));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
