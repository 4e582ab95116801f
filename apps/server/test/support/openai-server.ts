/** The server of the other API tests, seen through OpenAI's official client; whatever it answers is checked by our schemas. */
import OpenAI from 'openai';
import { afterAll, beforeAll, expect } from 'vitest';
import type { z } from 'zod';
import { chatChunkSchema } from '../../src/apis/openai/schemas/chat.ts';
import { completionSchema } from '../../src/apis/openai/schemas/completions.ts';
import { errorSchema } from '../../src/apis/openai/schemas/errors.ts';
import { responseEventSchema } from '../../src/apis/openai/schemas/responses.ts';
import type { Environment } from '../../src/config/environment.ts';
import type { Overrides } from '../../src/main.ts';
import { emissaryServer, type EmissaryServer } from './emissary-server.ts';
import { type TestDatabases, testDatabases } from './test-databases.ts';

export type OpenaiServer = AsyncDisposable & {
  server: EmissaryServer;
  databases: TestDatabases;
  client: OpenAI;
  /** The client of somebody else. */
  clientOf: (apiKey: string) => OpenAI;
  /** A JSON request as it is. */
  request: (method: string, path: string, body?: unknown) => Promise<Response>;
};

/** Events of streams, by the path that they come from. The server itself checks answers that are not streams. */
const streamed: Readonly<Record<string, z.ZodType>> = {
  '/openai/v1/chat/completions': chatChunkSchema.strict(),
  '/openai/v1/completions': completionSchema.strict(),
  '/openai/v1/responses': responseEventSchema,
};

/** One for the tests of a file: there once they run, gone after the last. */
export function useOpenaiServer(environment: Environment = {}, overrides: Overrides = {}): OpenaiServer {
  const used = {} as OpenaiServer;
  beforeAll(async () => void Object.assign(used, await openaiServer(environment, overrides)), 120_000);
  afterAll(() => used[Symbol.asyncDispose]());
  return used;
}

async function openaiServer(environment: Environment, overrides: Overrides): Promise<OpenaiServer> {
  await using stack = new AsyncDisposableStack();
  const databases = stack.use(await testDatabases());
  const server = stack.use(await emissaryServer(databases, environment, overrides));
  const opened = stack.move();
  const clientOf = (apiKey: string) =>
    new OpenAI({ apiKey, baseURL: `${server.url}/openai/v1`, maxRetries: 0, fetch: checkedFetch });
  return {
    server,
    databases,
    client: clientOf(server.adminKey),
    clientOf,
    request: (method, path, body) =>
      checkedFetch(`${server.currentUrl()}/openai${path}`, {
        method,
        headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function checkedFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok) {
    errorSchema.strict().parse(await response.clone().json());
  } else if (type.startsWith('text/event-stream')) {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    for (const data of dataOf(await response.clone().text())) {
      if (data !== '[DONE]') expect(streamed[pathname]!.or(errorSchema).parse(JSON.parse(data))).toBeDefined();
    }
  }
  return response;
}

/** What server-sent events carry. */
export function dataOf(text: string): string[] {
  return text.split('\n\n').flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? []);
}
