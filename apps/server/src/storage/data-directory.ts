import { chmod, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes the data directory, closed to other users. When the server is root, others may pass through it (not list it), and
 * through directories above that are made for it: its PostgreSQL runs as another user in a directory below. Files that
 * hold secrets have mode 0600 either way.
 */
export async function prepareDataDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (process.getuid?.() !== 0) return;
  for (let made = directory; ; made = path.dirname(made)) {
    await chmod(made, (await stat(made)).mode | 0o011);
    if (first === undefined || made === first) return;
  }
}
