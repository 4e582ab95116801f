import { createEngine, type Engine } from '@atelier/engine';
import fc from 'fast-check';
import { sql } from 'kysely';
import { Mistral } from 'mistralai-1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childEnvironment } from '../src/config/environment.ts';
import { conversationEventSchema } from '../src/apis/mistral/schemas/conversation-responses.ts';
import { stranger } from './support/emissary-server.ts';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';
import { silent } from './support/test-databases.ts';

let engine: Engine;
let it_: MistralServer;
let strangersClient: Mistral;
beforeAll(async () => {
  engine = createEngine({ environment: childEnvironment(), gpu: 'off', threads: 1, logger: silent.engine });
  it_ = await mistralServer({ ATELIER_TRAINING_JOBS: '0' }, { engine });
  strangersClient = new Mistral({ apiKey: stranger.key, serverURL: it_.server.url });
}, 120_000);
afterAll(async () => {
  await it_[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

const model = 'mistral-small-latest';
const greedy = { temperature: 0, maxTokens: 4 };
const wireGreedy = { temperature: 0, max_tokens: 4 };
const colourTool = {
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
const calling = { temperature: 0, toolChoice: 'required' as const };

/** The events of a stream, each checked: two lines, the name the type of the data. */
async function eventsOf(path: string, body: object) {
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
async function collected(stream: AsyncIterable<{ event: string; data: object }>) {
  return Array.fromAsync(stream);
}

const entryIds = async (conversationId: string) =>
  (await it_.client.beta.conversations.getHistory({ conversationId })).entries.map(({ id }) => id);

describe('a conversation with a model', () => {
  it('is started, gone on with, read and begun again, by both clients', async () => {
    const started = await it_.client.beta.conversations.start({
      model,
      inputs: 'Say hello.',
      instructions: 'Be brief.',
      name: 'Talk',
      description: 'a talk',
      tools: [colourTool, { type: 'web_search' }],
      completionArgs: { ...greedy, toolChoice: 'none' },
    });
    const { conversationId } = started;
    expect(conversationId).toMatch(/^conv_[0-9a-f]{32}$/);
    expect(started).toMatchObject({
      object: 'conversation.response',
      outputs: [{ object: 'entry', type: 'message.output', role: 'assistant', model, content: expect.any(String) }],
    });
    const { usage } = started;
    expect(usage.totalTokens).toBe(usage.promptTokens! + usage.completionTokens!);
    const same = await it_.client.chat.complete({
      model,
      ...greedy,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Say hello.' },
      ],
    });
    expect(started.outputs[0]).toMatchObject({ content: same.choices[0]!.message.content });
    expect(usage.promptTokens).toBe(same.usage.promptTokens);

    const appended = await it_.clientTwo.beta.conversations.append({
      conversationId,
      conversationAppendRequest: {
        inputs: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'And ' },
              { type: 'text', text: 'again.' },
            ],
          },
        ],
      },
    });
    expect(appended.conversationId).toBe(conversationId);
    expect(appended.usage.promptTokens).toBeGreaterThan(usage.promptTokens!);
    const history = await it_.client.beta.conversations.getHistory({ conversationId });
    expect(history).toMatchObject({
      object: 'conversation.history',
      conversationId,
      entries: [
        { type: 'message.input', role: 'user', content: 'Say hello.' },
        { type: 'message.output', id: (started.outputs[0] as { id: string }).id },
        { type: 'message.input', content: 'And again.' },
        { type: 'message.output' },
      ],
    });
    for (const client of [it_.client, it_.clientTwo])
      expect((await client.beta.conversations.getMessages({ conversationId })).messages).toHaveLength(4);
    expect(await it_.clientTwo.beta.conversations.get({ conversationId })).toMatchObject({
      object: 'conversation',
      id: conversationId,
      model,
      name: 'Talk',
      description: 'a talk',
      instructions: 'Be brief.',
      tools: [{ type: 'function', function: { name: 'look_up' } }, { type: 'web_search' }],
      completionArgs: { temperature: 0, maxTokens: 4, toolChoice: 'none' },
    });

    const fromEntryId = history.entries[1]!.id!;
    const again = await it_.client.beta.conversations.restart({
      conversationId,
      conversationRestartRequest: { inputs: 'And again.', fromEntryId },
    });
    expect(again.conversationId).not.toBe(conversationId);
    expect(again.outputs[0]).toMatchObject({ content: (appended.outputs[0] as { content: string }).content });
    expect(await entryIds(again.conversationId)).toEqual([
      ...history.entries.slice(0, 2).map(({ id }) => id),
      expect.stringMatching(/^msg_/),
      expect.stringMatching(/^msg_/),
    ]);
    expect(await entryIds(conversationId)).toHaveLength(4);
    const listed = await it_.client.beta.conversations.list({ page: 0, pageSize: 1 });
    expect(listed.map(({ id }) => id)).toEqual([again.conversationId]);
  }, 120_000);

  it('is told in events with names, the whole and the pieces the same, without an end mark', async () => {
    const started = await eventsOf('/v1/conversations', { model, inputs: 'Say hello.', completion_args: wireGreedy });
    const types = started.map(({ type }) => type);
    expect(types[0]).toBe('conversation.response.started');
    expect(types.at(-1)).toBe('conversation.response.done');
    expect(new Set(types.slice(1, -1))).toEqual(new Set(['message.output.delta']));
    const { conversation_id } = started[0] as { conversation_id: string };
    const streamed = started.flatMap((event) => (event.type === 'message.output.delta' ? [event] : []));
    const [, output] = (await it_.client.beta.conversations.getHistory({ conversationId: conversation_id })).entries;
    expect(output).toMatchObject({ id: streamed[0]!.id, content: streamed.map(({ content }) => content).join('') });
    expect(
      new Set(streamed.map(({ id, output_index, content_index }) => `${id} ${output_index} ${content_index}`)).size,
    ).toBe(1);

    for (const client of [it_.client, it_.clientTwo]) {
      const appending = await client.beta.conversations.appendStream({
        conversationId: conversation_id,
        conversationAppendStreamRequest: { inputs: 'More.', completionArgs: greedy },
      });
      const events = await collected(appending);
      expect(events.at(-1)).toMatchObject({ event: 'conversation.response.done', data: { usage: {} } });
      const restarting = await client.beta.conversations.restartStream({
        conversationId: conversation_id,
        conversationRestartStreamRequest: { inputs: 'More.', fromEntryId: output!.id!, completionArgs: greedy },
      });
      const [first] = await collected(restarting);
      expect(first).toMatchObject({ data: { conversationId: expect.not.stringContaining(conversation_id) } });
    }
    expect(await entryIds(conversation_id)).toHaveLength(6);
  }, 120_000);

  it('keeps nothing where it is told so', async () => {
    const passing = await it_.client.beta.conversations.start({
      model,
      inputs: 'Hello.',
      store: false,
      completionArgs: greedy,
    });
    const { conversationId } = passing;
    const gone = { statusCode: 404, body: expect.stringContaining('Conversation not found') };
    await expect(entryIds(conversationId)).rejects.toMatchObject(gone);
    await expect(
      it_.client.beta.conversations.append({ conversationId, conversationAppendRequest: { inputs: 'x' } }),
    ).rejects.toMatchObject(gone);
    await expect(
      it_.client.beta.conversations.restart({
        conversationId,
        conversationRestartRequest: { inputs: 'x', fromEntryId: passing.outputs[0]!.id! },
      }),
    ).rejects.toMatchObject(gone);
    const kept = await it_.client.beta.conversations.start({ model, inputs: 'Hello.', completionArgs: greedy });
    const unseen = await it_.client.beta.conversations.append({
      conversationId: kept.conversationId,
      conversationAppendRequest: { inputs: 'More.', store: false },
    });
    expect(unseen.conversationId).toBe(kept.conversationId);
    expect(await entryIds(kept.conversationId)).toHaveLength(2);
  }, 120_000);

  it('ends with calls of functions and goes on with their results', async () => {
    const started = await it_.client.beta.conversations.start({
      model,
      inputs: 'Which colour?',
      tools: [colourTool],
      completionArgs: calling,
    });
    const { conversationId, outputs } = started;
    const calls = outputs.map(
      (output) => output as { id: string; toolCallId: string; name: string; arguments: string },
    );
    expect(calls[0]).toMatchObject({ type: 'function.call', name: 'look_up', id: expect.stringMatching(/^fc_/) });
    for (const { toolCallId, arguments: given } of calls) {
      expect(toolCallId).toMatch(/^[a-zA-Z0-9]{9}$/);
      expect(['red', 'blue']).toContain(JSON.parse(given).colour);
    }
    const unanswered = await it_.post(`/v1/conversations/${conversationId}`, { inputs: 'Well?' });
    expect(unanswered).toMatchObject({ status: 400, body: { type: 'invalid_request_message_order', code: '3230' } });
    const wrong = await it_.post(`/v1/conversations/${conversationId}`, {
      inputs: [{ type: 'function.result', tool_call_id: 'nobody123', result: 'x' }],
    });
    expect(wrong).toMatchObject({ status: 400, body: { code: '3230' } });
    const inputs = calls.map(({ toolCallId }) => ({ type: 'function.result' as const, toolCallId, result: 'found' }));
    const answered = await it_.clientTwo.beta.conversations.append({
      conversationId,
      conversationAppendRequest: { inputs, completionArgs: { ...greedy, toolChoice: 'none' } },
    });
    expect(answered.outputs).toMatchObject([{ type: 'message.output' }]);
    const { entries } = await it_.clientTwo.beta.conversations.getHistory({ conversationId });
    expect(entries.map(({ type }) => type)).toEqual([
      'message.input',
      ...calls.map(() => 'function.call'),
      ...calls.map(() => 'function.result'),
      'message.output',
    ]);
    const { messages } = await it_.client.beta.conversations.getMessages({ conversationId });
    expect(messages.map(({ type }) => type)).toEqual(['message.input', 'message.output']);

    const events = await eventsOf('/v1/conversations', {
      model,
      inputs: 'Which colour?',
      tools: [{ function: colourTool.function }],
      completion_args: { temperature: 0, tool_choice: 'any' },
    });
    const pieces = events.flatMap((event) => (event.type === 'function.call.delta' ? [event] : []));
    const first = pieces.filter(({ id }) => id === pieces[0]!.id);
    expect(JSON.parse(first.map(({ arguments: piece }) => piece).join(''))).toEqual(JSON.parse(calls[0]!.arguments));
  }, 120_000);

  it('says that a built-in tool is not there, and answers all the same', async () => {
    const request = {
      model,
      inputs: 'What is new?',
      tools: [{ type: 'web_search' as const }],
      completionArgs: { temperature: 0, maxTokens: 60, toolChoice: 'any' as const },
    };
    const error = { code: 'tool_unavailable', message: expect.stringContaining('web_search') };
    const { outputs, usage, conversationId } = await it_.client.beta.conversations.start(request);
    expect(outputs[0]).toMatchObject({ type: 'tool.execution', name: 'web_search', info: { error } });
    expect(outputs.length).toBeGreaterThan(1);
    const runs = outputs.filter(({ type }) => type === 'tool.execution').length;
    expect(usage).toMatchObject({ connectorTokens: 0, connectors: { web_search: runs } });
    const { entries } = await it_.clientTwo.beta.conversations.getHistory({ conversationId });
    expect(entries[1]).toMatchObject({
      type: 'tool.execution',
      id: expect.stringMatching(/^tool_exec_/),
      info: { error },
    });
    for (const client of [it_.client, it_.clientTwo]) {
      const events = await collected(await client.beta.conversations.startStream(request));
      expect(events.slice(0, 3).map(({ event }) => event)).toEqual([
        'conversation.response.started',
        'tool.execution.started',
        'tool.execution.done',
      ]);
      expect(events[2]).toMatchObject({ data: { name: 'web_search', info: { error }, outputIndex: 0 } });
    }
  }, 120_000);

  it.each([
    [{ inputs: 'x' }, 400, { message: 'Give either a model or an agent_id' }],
    [{ inputs: 'x', model, agent_id: 'ag_x' }, 400, { message: 'Give either a model or an agent_id' }],
    [
      { inputs: 'x', agent_id: 'ag_x', instructions: 'y' },
      400,
      { message: 'An agent brings its own instructions and tools' },
    ],
    [{ inputs: 'x', agent_id: 'ag_x' }, 404, { message: 'Agent not found' }],
    [{ inputs: 'x', model: 'gpt-5' }, 400, { type: 'invalid_model' }],
    [{ inputs: 'x', model: 'tiny-raw' }, 400, { message: 'The model tiny-raw has no chat template' }],
    [{ model }, 422, { detail: [{ loc: ['body', 'inputs'] }] }],
    [{ inputs: 'x', model, nonsense: 1 }, 422, { detail: [{ loc: ['body', 'nonsense'], type: 'extra_forbidden' }] }],
    [{ inputs: [], model }, 400, { code: '3230' }],
    [{ inputs: [{ role: 'assistant', content: 'x' }], model }, 400, { code: '3230' }],
    [{ inputs: [{ role: 'system', content: 'x' }], model }, 422, {}],
    [
      { inputs: [{ role: 'user', content: [{ type: 'image_url', image_url: 'https://a.b/c.png' }] }], model },
      400,
      { message: 'inputs.0.content.0: image_url cannot be read by this model' },
    ],
    [{ inputs: 'x', model, completion_args: { tool_choice: 'any' } }, 400, { type: 'invalid_request' }],
    [{ inputs: 'x', model, completion_args: { response_format: { type: 'json_schema' } } }, 400, {}],
  ])(
    'refuses %j with %i, also where a stream was asked for, and keeps nothing',
    async (body, status, error) => {
      const before = await it_.client.beta.conversations.list({ pageSize: 1 });
      for (const stream of [false, true])
        expect(await it_.post('/v1/conversations', { ...body, stream })).toMatchObject({
          status,
          body: { object: 'error', ...error },
        });
      expect(await it_.client.beta.conversations.list({ pageSize: 1 })).toEqual(before);
    },
    60_000,
  );

  it('takes what PostgreSQL and JSON would not, and gives it back as it was', async () => {
    const content = 'a\0b \ud83d\ude00 \u2028 \\u0000';
    const { conversationId } = await it_.client.beta.conversations.start({
      model,
      inputs: content,
      completionArgs: greedy,
    });
    const { entries } = await it_.client.beta.conversations.getHistory({ conversationId });
    expect(entries[0]).toMatchObject({ content });
  }, 60_000);
});

describe('a conversation with agents', () => {
  it('is handed over on the server, or by the client, and stays with whom it was handed to', async () => {
    const { agents, conversations } = it_.client.beta;
    const second = await agents.create({
      model,
      name: 'Second agent',
      completionArgs: greedy,
      instructions: 'Be brief.',
    });
    const first = await agents.create({
      model,
      name: 'First agent',
      handoffs: [second.id],
      completionArgs: { ...greedy, toolChoice: 'any', maxTokens: 60 },
    });
    const handoff = {
      type: 'agent.handoff',
      previousAgentId: first.id,
      previousAgentName: 'First agent',
      nextAgentId: second.id,
      nextAgentName: 'Second agent',
    };
    const started = await conversations.start({ agentId: first.id, inputs: 'Hello.' });
    expect(started.outputs).toMatchObject([
      { ...handoff, id: expect.stringMatching(/^handoff_/) },
      { type: 'message.output', agentId: second.id },
    ]);
    const { conversationId } = started;
    expect(await it_.clientTwo.beta.conversations.get({ conversationId })).toMatchObject({ agentId: first.id });
    const more = await conversations.append({ conversationId, conversationAppendRequest: { inputs: 'More.' } });
    expect(more.outputs).toMatchObject([{ type: 'message.output', agentId: second.id }]);

    const events = await collected(
      await it_.clientTwo.beta.conversations.startStream({ agentId: first.id, inputs: 'Hello.' }),
    );
    expect(events.slice(0, 4).map(({ event }) => event)).toEqual([
      'conversation.response.started',
      'agent.handoff.started',
      'agent.handoff.done',
      'message.output.delta',
    ]);
    expect(events[1]).toMatchObject({ data: { outputIndex: 0, previousAgentId: first.id } });
    expect(events[2]).toMatchObject({ data: { outputIndex: 0, nextAgentName: 'Second agent' } });
    expect(events[3]).toMatchObject({ data: { outputIndex: 1, agentId: second.id } });

    const left = await conversations.start({ agentId: first.id, inputs: 'Hello.', handoffExecution: 'client' });
    expect(left.outputs).toMatchObject([handoff]);
    const taken = await conversations.append({
      conversationId: left.conversationId,
      conversationAppendRequest: { inputs: [], handoffExecution: 'client' },
    });
    expect(taken.outputs).toMatchObject([{ type: 'message.output', agentId: second.id }]);
    expect(taken.outputs[0]).toMatchObject({ content: (started.outputs[1] as { content: string }).content });
  }, 120_000);

  it('has settings of its own for all of its agents, and a choice of tools for the first', async () => {
    const { agents, conversations } = it_.client.beta;
    const second = await agents.create({ model, name: 'B', completionArgs: { temperature: 0 } });
    const first = await agents.create({ model, name: 'A', handoffs: [second.id] });
    const responseFormat = { type: 'json_object' as const };
    const completionArgs = { temperature: 0, maxTokens: 60, toolChoice: 'any' as const, responseFormat };
    const { conversationId, outputs } = await conversations.start({
      agentId: first.id,
      inputs: 'Hello.',
      completionArgs,
    });
    const kinds = outputs.map(({ type }) => type);
    expect(kinds).toEqual(['agent.handoff', 'message.output']);
    const more = await conversations.append({ conversationId, conversationAppendRequest: { inputs: 'More.' } });
    for (const output of [outputs[1]!, more.outputs[0]!])
      expect(output).toMatchObject({ agentId: second.id, content: expect.stringMatching(/^\s*\{/) });
    const refused = await it_.post(`/v1/conversations/${conversationId}`, {
      inputs: 'More.',
      completion_args: { tool_choice: 'any' },
    });
    expect(refused.status).toBe(400);
  }, 120_000);

  it('follows the version of the agent that counts', async () => {
    const { agents, conversations } = it_.client.beta;
    const { id } = await agents.create({ model, name: 'Changing', completionArgs: greedy });
    const { conversationId, usage } = await conversations.start({ agentId: id, inputs: 'Hello.' });
    await agents.update({ agentId: id, agentUpdateRequest: { instructions: 'Speak of colours only. '.repeat(5) } });
    const later = await conversations.start({ agentId: id, inputs: 'Hello.' });
    expect(later.usage.promptTokens).toBeGreaterThan(usage.promptTokens! + 10);
    const short = { inputs: 'More.', completionArgs: { maxTokens: 1 } };
    const cut = await conversations.append({ conversationId, conversationAppendRequest: short });
    expect(cut.usage.completionTokens).toBe(1);
  }, 120_000);
});

describe('turns', () => {
  it('of one conversation at the same time are written one after the other or refused', async () => {
    const { conversationId } = await it_.client.beta.conversations.start({
      model,
      inputs: '0',
      completionArgs: greedy,
    });
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        it_.post(`/v1/conversations/${conversationId}`, { inputs: `${index + 1}`, completion_args: wireGreedy }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain(200);
    expect([200, 409]).toEqual(expect.arrayContaining(statuses));
    const { entries } = await it_.client.beta.conversations.getHistory({ conversationId });
    const good = statuses.filter((status) => status === 200).length;
    expect(entries.map(({ type }) => type)).toEqual(
      Array.from({ length: good + 1 }, () => ['message.input', 'message.output']).flat(),
    );
    expect((await it_.post(`/v1/conversations/${conversationId}`, { inputs: 'x' })).status).toBe(200);
  }, 120_000);

  it.each([
    ['a client leaves', 'client'],
    ['the model process dies', 'runner'],
  ])(
    'in the middle of which %s leave nothing, and the conversation free',
    async (_, gone) => {
      const { conversationId } = await it_.client.beta.conversations.start({
        model: 'tiny-long',
        inputs: 'x',
        completionArgs: greedy,
      });
      const leaving = new AbortController();
      const response = await fetch(`${it_.server.url}/v1/conversations/${conversationId}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${it_.server.adminKey}`, 'content-type': 'application/json' },
        // The tiny model does not come to an end by itself.
        body: JSON.stringify({
          inputs: 'Count.',
          stream: true,
          completion_args: { temperature: 0, max_tokens: 100_000 },
        }),
        signal: leaving.signal,
      });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      expect((await reader.read()).value).toMatch(/^event: conversation\.response\.started\n/);
      const busy = engine.status().runners.find(({ running }) => running > 0)!;
      process.kill(busy.pid, 'SIGSTOP'); // so that it is the middle for as long as it takes
      expect((await it_.post(`/v1/conversations/${conversationId}`, { inputs: 'y' })).status).toBe(409);
      if (gone === 'client') {
        leaving.abort();
        process.kill(busy.pid, 'SIGCONT');
      } else {
        process.kill(busy.pid, 'SIGKILL');
        let text = '';
        for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
        const [last] = text.split('\n\n').slice(-2);
        expect(last).toMatch(/^event: conversation\.response\.error\ndata: .*"code":503/);
      }
      await expect.poll(() => engine.status().running, { timeout: 60_000 }).toBe(0);
      const again = () => it_.post(`/v1/conversations/${conversationId}`, { inputs: 'y', completion_args: wireGreedy });
      await expect.poll(async () => (await again()).status, { timeout: 60_000 }).toBe(200);
      const { entries } = await it_.client.beta.conversations.getHistory({ conversationId });
      expect(entries.flatMap((entry) => (entry.type === 'message.input' ? [entry.content] : []))).toEqual(['x', 'y']);
    },
    120_000,
  );

  it('that another server has had meanwhile are not written over', async () => {
    const { conversationId } = await it_.client.beta.conversations.start({
      model,
      inputs: 'x',
      completionArgs: greedy,
    });
    const { database } = it_.server;
    const answer = await database.transaction().execute(async (transaction) => {
      await transaction
        .updateTable('conversations')
        .set((row) => ({ turns: row('turns', '+', 1) }))
        .where('id', '=', conversationId)
        .execute();
      const posted = it_.post(`/v1/conversations/${conversationId}`, { inputs: 'y', completion_args: wireGreedy });
      // Its turn is made and waits to be written.
      const waiting = sql<{ count: number }>`select count(*)::int as count from pg_locks where not granted`;
      await expect
        .poll(async () => (await waiting.execute(database)).rows[0]!.count, { timeout: 60_000 })
        .toBeGreaterThan(0);
      return { posted };
    });
    expect(await answer.posted).toMatchObject({ status: 409, body: { type: 'conflict' } });
    expect(await entryIds(conversationId)).toHaveLength(2);
  }, 120_000);

  it('follow whatever history there is: appended or restarted at any entry, it is what the client did', async () => {
    const start = await it_.client.beta.conversations.start({
      model,
      inputs: '0',
      completionArgs: { ...greedy, maxTokens: 1 },
    });
    /** What each conversation has to consist of. */
    const known = new Map([[start.conversationId, await entryIds(start.conversationId)]]);
    const step = fc.record({ which: fc.nat(20), at: fc.option(fc.nat(20)), store: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 3 }), async (steps) => {
        for (const { which, at, store } of steps) {
          const [conversationId, ids] = [...known][which % known.size]!;
          // Inputs are the user's, so that they follow whatever the entry is.
          const inputs = [{ role: 'user' as const, content: `${which}` }];
          const from = at === null ? ids.length : (at % ids.length) + 1;
          const answer =
            at === null
              ? await it_.client.beta.conversations.append({
                  conversationId,
                  conversationAppendRequest: { inputs, store },
                })
              : await it_.clientTwo.beta.conversations.restart({
                  conversationId,
                  conversationRestartRequest: { inputs, store, fromEntryId: ids[from - 1]! },
                });
          expect(answer.conversationId === conversationId).toBe(at === null);
          if (!store) continue;
          const now = await entryIds(answer.conversationId);
          expect(now.slice(0, from)).toEqual(ids.slice(0, from));
          expect(now.slice(from + 1)).toEqual(answer.outputs.map((output) => (output as { id?: string }).id));
          known.set(answer.conversationId, now);
        }
        for (const [conversationId, ids] of known) expect(await entryIds(conversationId)).toEqual(ids);
      }),
      { numRuns: 5 },
    );
    const listed = await it_.client.beta.conversations.list({ pageSize: 1000 });
    const paged: string[] = [];
    for (let page = 0; page * 3 < listed.length; page++)
      paged.push(...(await it_.clientTwo.beta.conversations.list({ page, pageSize: 3 })).map(({ id }) => id));
    expect(paged).toEqual(listed.map(({ id }) => id));
  }, 120_000);
});

it('conversations of another workspace look like missing ones', async () => {
  const { conversationId } = await it_.client.beta.conversations.start({ model, inputs: 'x', completionArgs: greedy });
  const [entry] = await entryIds(conversationId);
  const { conversations } = strangersClient.beta;
  for (const id of [conversationId, `conv_${'0'.repeat(32)}`, 'conv_\0', 'x']) {
    const missing = { statusCode: 404, body: expect.stringContaining('Conversation not found') };
    const asked = { conversationId: id };
    await expect(conversations.get(asked)).rejects.toMatchObject(missing);
    await expect(conversations.getHistory(asked)).rejects.toMatchObject(missing);
    await expect(conversations.getMessages(asked)).rejects.toMatchObject(missing);
    await expect(conversations.append({ ...asked, conversationAppendRequest: { inputs: 'x' } })).rejects.toMatchObject(
      missing,
    );
    await expect(
      conversations.restart({ ...asked, conversationRestartRequest: { inputs: 'x', fromEntryId: entry! } }),
    ).rejects.toMatchObject(missing);
  }
  expect(await conversations.list({})).toEqual([]);
  const unknownEntry = await it_.post(`/v1/conversations/${conversationId}/restart`, {
    inputs: 'x',
    from_entry_id: 'y',
  });
  expect(unknownEntry.status).toBe(404);
}, 60_000);
