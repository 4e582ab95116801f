/** Another server, as far as its HTTP goes: it answers each request by the next of the answers it was given. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Asked = { path: string; authorization: string | undefined; body: Record<string, unknown> };
export type Answer = (response: ServerResponse, asked: Asked) => void | Promise<void>;

export type Double = AsyncDisposable & {
  url: string;
  /** All but looks at its health and models. */
  asked: Asked[];
  /** Answers to come; the last one is given again and again. */
  answers: Answer[];
  /** By path; they go before `answers`. */
  routes: Record<string, Answer>;
  healthy: boolean;
};

export async function startDouble(models: object[] = [{ id: 'm' }], port = 0): Promise<Double> {
  const server = createServer((request, response) => void answer(request, response));
  const double: Omit<Double, 'url' | typeof Symbol.asyncDispose> = {
    asked: [],
    answers: [],
    routes: {},
    healthy: true,
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const path = request.url!;
    if (path === '/health') return void response.writeHead(double.healthy ? 200 : 503).end();
    if (path === '/v1/models') return json(response, 200, { data: models });
    const asked = { path, authorization: request.headers.authorization, body: text === '' ? {} : JSON.parse(text) };
    double.asked.push(asked);
    const next =
      double.routes[path] ?? (double.answers.length > 1 ? double.answers.shift() : double.answers[0]) ?? notFound;
    await next(response, asked);
  }

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return Object.assign(double, {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

export function json(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const notFound: Answer = (response) => json(response, 404, { error: { message: 'nothing here' } });

export const usage = { prompt_tokens: 5, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 3 } };

/** Chunks as events, then the end of the stream unless it is to be left open. */
export function stream(chunks: readonly unknown[], { done = true, cut = false } = {}): Answer {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const chunk of chunks)
      response.write(`data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`);
    if (cut) {
      // What was written arrives before the connection ends.
      await new Promise((resolve) => setTimeout(resolve, 50));
      return void response.destroy();
    }
    response.end(done ? 'data: [DONE]\n\n' : '');
  };
}

export const said = (text: string): Answer =>
  stream([
    { choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] },
    { choices: [{ index: 0, delta: { content: text } }] },
    { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    { choices: [], usage },
  ]);

/** The connection ends before there is an answer. */
export const cut: Answer = (response) => void response.destroy();
