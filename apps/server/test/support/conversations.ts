/** A server for tests of conversations, and what their files share. Imported by a test file, it sets itself up. */
import { createEngine, type Engine } from '@atelier/engine';
import { Mistral } from 'mistralai-1';
import { afterAll, beforeAll, expect } from 'vitest';
import { childEnvironment } from '../../src/config/environment.ts';
import { conversationEventSchema } from '../../src/apis/mistral/schemas/conversation-responses.ts';
import { stranger } from './emissary-server.ts';
import { mistralServer, type MistralServer } from './mistral-server.ts';
import { silent } from './test-databases.ts';

export let engine: Engine;
export let it_: MistralServer;
export let strangersClient: Mistral;
beforeAll(async () => {
  engine = createEngine({ environment: childEnvironment(), gpu: 'off', threads: 1, logger: silent.engine });
  it_ = await mistralServer({ ATELIER_TRAINING_JOBS: '0' }, { engine });
  strangersClient = new Mistral({ apiKey: stranger.key, serverURL: it_.server.url });
}, 120_000);
afterAll(async () => {
  await it_[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

export const model = 'mistral-small-latest';
export const greedy = { temperature: 0, maxTokens: 4 };
export const wireGreedy = { temperature: 0, max_tokens: 4 };
export const colourTool = {
  type: 'function' as const,
  function: {
    name: 'look_up',
    description: 'Looks a colour up',
    parameters: {
      type: 'object',
      properties: { colour: { enum: ['red', 'blue'] } },
      required: ['colour'],
      additionalProperties: false,
    },
  },
};
export const calling = { temperature: 0, toolChoice: 'required' as const };

/** The events of a stream, each checked: two lines, the name the type of the data. */
export async function eventsOf(path: string, body: object) {
  const response = await fetch(`${it_.server.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${it_.server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, stream: true }),
  });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const frames = (await response.text()).split('\n\n');
  expect(frames.pop()).toBe('');
  return frames.map((frame) => {
    const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(frame)!;
    const event = conversationEventSchema.parse(JSON.parse(data!));
    expect(event.type).toBe(name);
    return event;
  });
}

/** What either client gives of a stream. */
export async function collected(stream: AsyncIterable<{ event: string; data: object }>) {
  return Array.fromAsync(stream);
}

export const entryIds = async (conversationId: string) =>
  (await it_.client.beta.conversations.getHistory({ conversationId })).entries.map(({ id }) => id);
