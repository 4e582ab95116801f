/** Starts the converter as a process and follows it; nothing native is loaded here. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { AtelierError } from '@atelier/errors';
import { eventSchema } from './events.ts';

export interface ConversionOptions {
  onProgress?: ((progress: { tensor: string; done: number; total: number }) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** Of the process; absent: this one's. */
  environment?: NodeJS.ProcessEnv | undefined;
}

const main = fileURLToPath(new URL('main.ts', import.meta.url));
/** Of what the process says when it fails without an event. */
const maxErrorBytes = 4000;

/**
 * Runs one command of `main.ts` to its end. Throws the `AtelierError` that it reports, `cancelled` when the signal
 * ended it, and `runner_crashed` when native code did.
 */
export async function runConversion(args: readonly string[], options: ConversionOptions = {}): Promise<void> {
  if (options.signal?.aborted) throw new AtelierError('cancelled');
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...(options.environment ?? process.env), ATELIER_PARENT_PIPE: '1' },
  });
  const stop = (): void => void child.kill('SIGTERM');
  options.signal?.addEventListener('abort', stop, { once: true });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-maxErrorBytes)));
  let failure: AtelierError | undefined;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = eventSchema.parse(JSON.parse(line));
      if (event.type === 'progress') options.onProgress?.(event);
      if (event.type === 'error') failure = AtelierError.fromJSON(event);
    }
    const [code, signal] = await ended;
    if (code === 0) return;
    if (failure) throw failure;
    if (options.signal?.aborted || code === 130) throw new AtelierError('cancelled');
    throw new AtelierError('runner_crashed', {}, new Error(`the converter ended with ${code ?? signal}: ${said}`));
  } finally {
    options.signal?.removeEventListener('abort', stop);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}
