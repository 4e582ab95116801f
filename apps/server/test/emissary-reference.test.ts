import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parameters } from '../src/apis/emissary/translate/parameters.ts';
import type { Server } from '../src/main.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { testServer } from './support/test-server.ts';

const page = new URL('../../../docs/reference/emissary.md', import.meta.url);
const rows = async (start: RegExp): Promise<string[]> =>
  (await readFile(page, 'utf8')).split('\n').filter((line) => start.test(line));

const stack = new AsyncDisposableStack();
let server: Server;
beforeAll(async () => {
  const { path } = stack.use(await temporaryDirectory());
  server = stack.use(await testServer(path));
});
afterAll(() => stack.disposeAsync());

it('docs/reference/emissary.md lists every operation that is served, and no other', async () => {
  const { paths } = (await server.inject('/emissary/openapi.json')).json<{
    paths: Record<string, Record<string, { summary: string }>>;
  }>();
  const served = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { summary }]) => `| \`${method.toUpperCase()} ${path}\` | ${summary} |`),
  );
  expect(await rows(/^\| `(GET|POST|PUT|PATCH|DELETE) /)).toEqual(served);
});

/** Defaults that depend on the model. */
const computed: Record<string, string> = {
  max_seq_length: "1024, or the model's context",
  quantization: 'int4 with qlora and from 1e9 parameters on, else fp16',
};

it('lists every training parameter with its default and meaning, and no other', async () => {
  const expected = Object.entries(parameters).map(
    ([name, { default: value, doc }]) =>
      `| \`${name}\` | ${typeof value === 'function' ? computed[name] : value} | ${doc} |`,
  );
  expect(await rows(/^\| `[a-z_]+` \|/)).toEqual(expected);
});
