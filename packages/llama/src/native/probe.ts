import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The first product on a GPU may compile its shaders or kernels for it. */
const patienceMs = 60_000;

/** Why a GPU does not compute, or undefined when it does: tried in a process of its own, which a bad driver may crash or hang. */
export function probe(kind: string): string | undefined {
  const program = fileURLToPath(new URL('./probe-process.ts', import.meta.url));
  const { status, signal, stdout, error } = spawnSync(process.execPath, ['--no-warnings', program, kind], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: patienceMs,
    killSignal: 'SIGKILL',
  });
  if (status === 0) return undefined;
  return stdout.trim() || error?.message || `its driver ended a process that tried it (${signal ?? status})`;
}
