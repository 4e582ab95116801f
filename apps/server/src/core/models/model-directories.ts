/** The directories in which an operator keeps models. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** A longer file name is no model's. */
const LONGEST_NAME = 200;

/** Changes when a file comes into one of the directories or leaves it. */
export async function appearance(directories: readonly string[]): Promise<string> {
  const times = directories.map((directory) =>
    stat(directory, { bigint: true }).then(
      ({ mtimeNs }) => String(mtimeNs),
      () => '',
    ),
  );
  return (await Promise.all(times)).join(' ');
}

/** The files by the names of their models; where two directories have one name, the first one's. */
export async function modelFiles(directories: readonly string[]): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const directory of directories) {
    const names = await readdir(directory).catch(() => []);
    for (const file of names.sort()) {
      const name = path.basename(file, '.gguf');
      if (!file.endsWith('.gguf') || name === '' || name.length > LONGEST_NAME || files.has(name)) continue;
      files.set(name, path.join(directory, file));
    }
  }
  return files;
}
