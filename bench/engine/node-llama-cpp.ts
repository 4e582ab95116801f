import { fileURLToPath } from 'node:url';
import { ended, started, type Contender, type Settings } from './contender.ts';
import type { Timing } from './stream-client.ts';

const worker = fileURLToPath(new URL('node-llama-cpp-worker.ts', import.meta.url));

/** node-llama-cpp's own engine, called in its process: no HTTP stands between it and its user. */
export async function nodeLlamaCpp(settings: Settings): Promise<Contender> {
  const { child, lines } = await started(
    process.execPath,
    ['--no-warnings', worker, JSON.stringify(settings)],
    {},
    (line) => (line === 'ready' ? true : undefined),
  );
  return {
    name: 'node-llama-cpp',
    pid: child.pid!,
    async run(load) {
      child.stdin!.write(`${JSON.stringify(load)}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error('node-llama-cpp ended');
      return JSON.parse(value) as Timing[];
    },
    [Symbol.asyncDispose]: () => ended(child),
  };
}
