import { describe, expect, it } from 'vitest';
import {
  it_,
  model,
  greedy,
  wireGreedy,
  colourTool,
  calling,
  eventsOf,
  collected,
  entryIds,
} from './support/conversations.ts';

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
      outputs: [{ type: 'message.output', role: 'assistant', model: 'starter', content: expect.any(String) }],
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
