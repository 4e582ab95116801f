import { chmod, link, mkdir } from 'node:fs/promises';
import { Agent } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ended, sampling, started, type Contender, type Settings } from './contender.ts';
import { streamRequest, type Frame } from './stream-client.ts';

const program = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const adminKey = 'the-key-of-the-bench';

/** The whole server, asked through its Mistral-compatible API: keys, limits, logging and database included. */
export async function ours({ modelFile, threads, concurrent, directory }: Settings): Promise<Contender> {
  const data = path.join(directory, 'server');
  await mkdir(path.join(data, 'models'), { recursive: true });
  // PostgreSQL runs as another user when this one is root, and has to pass.
  for (const each of [path.dirname(directory), directory, data]) await chmod(each, 0o755);
  await link(modelFile, path.join(data, 'models', 'bench.gguf'));
  const { child, value: url } = await started(
    process.execPath,
    ['--no-warnings', program, 'serve'],
    {
      ATELIER_DATA: data,
      ATELIER_PORT: '0',
      ATELIER_GPU: 'off',
      ATELIER_THREADS: `${threads}`,
      ATELIER_ADMIN_KEY: adminKey,
      ATELIER_TRAINING_JOBS: '0',
      ATELIER_ENGINE_RUNNING: `${concurrent}`,
      ATELIER_ENGINE_MEMORY: `${2 ** 35}`,
    },
    (line) => /(http:\/\/[^\s"]+)/.exec(line)?.[1],
  );
  const agent = new Agent({ keepAlive: true });
  const target = { url: `${url}/mistral/v1/chat/completions`, headers: { authorization: `Bearer ${adminKey}` }, agent };
  return {
    name: 'ours',
    pid: child.pid!,
    run: async ({ prompts, maxTokens }) =>
      await Promise.all(
        prompts.map((content) => {
          const body = { model: 'bench', messages: [{ role: 'user', content }], max_tokens: maxTokens, stream: true };
          return streamRequest(target, { ...body, ...sampling }, read);
        }),
      ),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await ended(child);
    },
  };
}

function read(data: string): Frame {
  const { choices, usage } = JSON.parse(data) as {
    choices: { delta: { content?: string } }[];
    usage?: { completion_tokens: number };
  };
  return { text: (choices[0]?.delta.content ?? '') !== '', ...(usage && { tokens: usage.completion_tokens }) };
}
