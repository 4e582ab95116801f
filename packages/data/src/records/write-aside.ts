import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** A file in the making. Without `commit`, disposing removes it, and what had its name before stays. */
export interface AsideFile extends AsyncDisposable {
  write(chunk: Uint8Array): Promise<void>;
  /** Puts the file on disk and gives it its name. */
  commit(): Promise<void>;
}

export async function writeAside(target: string): Promise<AsideFile> {
  const aside = `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.partial`;
  const handle = await open(aside, 'wx', 0o600);
  let committed = false;
  return {
    async write(chunk) {
      await handle.writeFile(chunk);
    },
    async commit() {
      await handle.sync();
      await handle.close();
      await rename(aside, target);
      committed = true;
      const directory = await open(path.dirname(target), 'r');
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    },
    async [Symbol.asyncDispose]() {
      if (committed) return;
      await handle.close().catch(() => {});
      await rm(aside, { force: true });
    },
  };
}
