/**
 * The server of the other API tests, seen through Mistral's official clients: 1.7 and the newest. While it is there, what
 * any `fetch` gets from it, the clients' too, is held to its own description.
 */
import { Mistral } from 'mistralai-1';
import { Mistral as MistralTwo } from 'mistralai-2';
import type { Environment } from '../../src/config/environment.ts';
import type { Overrides } from '../../src/main.ts';
import { checkedFetch } from './checked-fetch.ts';
import { emissaryServer, type EmissaryServer } from './emissary-server.ts';
import { type TestDatabases, testDatabases } from './test-databases.ts';

export type MistralServer = AsyncDisposable & {
  server: EmissaryServer;
  databases: TestDatabases;
  client: Mistral;
  clientTwo: MistralTwo;
  /** A JSON request with the administrator's key unless another is given. */
  post: (path: string, body: unknown, key?: string) => Promise<{ status: number; body: unknown }>;
};

export async function mistralServer(environment: Environment = {}, overrides: Overrides = {}): Promise<MistralServer> {
  await using stack = new AsyncDisposableStack();
  const databases = stack.use(await testDatabases());
  const server = stack.use(await emissaryServer(databases, environment, overrides));
  const unchecked = globalThis.fetch;
  const description = await server.call('GET', '/mistral/openapi.json');
  globalThis.fetch = checkedFetch(description.json(), server.currentUrl);
  stack.defer(() => {
    globalThis.fetch = unchecked;
  });
  const opened = stack.move();
  return {
    server,
    databases,
    client: new Mistral({ apiKey: server.adminKey, serverURL: server.url }),
    clientTwo: new MistralTwo({ apiKey: server.adminKey, serverURL: `${server.url}/mistral` }),
    async post(path, body, key = server.adminKey) {
      const response = await fetch(`${server.currentUrl()}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
