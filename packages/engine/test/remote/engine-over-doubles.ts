/** A remote engine over two doubles of one service, new answers for each test. Imported by a test file, it sets itself up. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import {
  createRemoteEngine,
  type GenerateEvent,
  type GenerateRequest,
  type RemoteEngine,
  type RemoteService,
} from '../../src/index.ts';
import { type Double, startDouble } from './double.ts';

export const silent = { debug() {}, info() {}, warn() {} };
export const key = 'sk-secret-of-the-operator';
export const stack = new AsyncDisposableStack();
export let one: Double;
export let two: Double;
export let engine: RemoteEngine;

export const serviceOf = (kind: RemoteService['kind'], ...doubles: Double[]): RemoteService => ({
  name: kind,
  kind,
  urls: doubles.map(({ url }) => url),
  key,
});

beforeAll(async () => {
  one = stack.use(await startDouble([{ id: 'm', max_model_len: 4096 }]));
  two = stack.use(await startDouble([{ id: 'm', max_model_len: 4096 }]));
  engine = stack.use(
    createRemoteEngine({
      logger: silent,
      backoffMs: 5,
      services: [
        { ...serviceOf('vllm', one, two), name: 'pair' },
        ...(['vllm', 'llama-server', 'sglang', 'openai'] as const).map((kind) => serviceOf(kind, one)),
      ],
    }),
  );
  await engine.models();
}, 60_000);
afterAll(() => stack.disposeAsync());
beforeEach(() => {
  for (const double of [one, two]) Object.assign(double, { asked: [], answers: [], routes: {} });
});

export type Question = Partial<GenerateRequest>;
export const chat = {
  kind: 'chat',
  messages: [{ role: 'user', content: 'Hello' }],
} satisfies GenerateRequest['input'];
export const ask = (remote: string, question: Question = {}, signal?: AbortSignal) =>
  engine.generate({ model: { remote, model: 'm' }, owner: 'test', input: chat, ...question }, signal);

export async function eventsOf(generation: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = [];
  for await (const event of generation) events.push(event);
  return events;
}

/** What came before the error, and the error. */
export async function failureOf(generation: AsyncIterable<GenerateEvent>) {
  const events: GenerateEvent[] = [];
  try {
    for await (const event of generation) events.push(event);
  } catch (error) {
    return { events, error: error as { code: string; message: string; details: object } };
  }
  throw new Error('it did not fail');
}

export const finish = {
  type: 'finish',
  choice: 0,
  reason: 'stop',
  usage: { promptTokens: 5, completionTokens: 2, cachedTokens: 3 },
};
