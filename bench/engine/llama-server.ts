import { existsSync } from 'node:fs';
import { Agent } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { ended, sampling, type Contender, type Settings } from './contender.ts';
import { streamRequest, type Frame } from './stream-client.ts';

/** llama.cpp's own server (LLAMA_SERVER, or on PATH) with a slot and a memory of its own for each request; undefined where it is not. */
export async function llamaServer(settings: Settings): Promise<Contender | undefined> {
  const { modelFile, threads, concurrent, contextTokens } = settings;
  const program =
    process.env['LLAMA_SERVER'] ??
    (process.env['PATH'] ?? '')
      .split(path.delimiter)
      .map((folder) => path.join(folder, 'llama-server'))
      .find(existsSync);
  if (!program || !existsSync(program)) return undefined;
  const port = await freePort();
  const args = ['-m', modelFile, '--port', `${port}`, '-t', `${threads}`, '-tb', `${threads}`];
  const memory = ['-np', `${concurrent}`, '-c', `${concurrent * contextTokens}`, '--no-webui'];
  const child = spawn(program, [...args, ...memory], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    await sleep(200);
  }
  const agent = new Agent({ keepAlive: true });
  return {
    name: 'llama-server',
    pid: child.pid!,
    run: async ({ prompts, maxTokens }) =>
      await Promise.all(
        prompts.map((prompt) => {
          const body = { prompt, n_predict: maxTokens, stream: true, top_k: 0, top_p: 1, min_p: 0, ...sampling };
          return streamRequest({ url: `${url}/completion`, agent }, body, read);
        }),
      ),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await ended(child);
    },
  };
}

function read(data: string): Frame {
  const { content, stop, tokens_predicted } = JSON.parse(data) as {
    content: string;
    stop: boolean;
    tokens_predicted?: number;
  };
  return { text: content !== '', ...(stop && tokens_predicted !== undefined && { tokens: tokens_predicted }) };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
