import OpenAI from 'openai';
import { describe, expect, it, vi } from 'vitest';
import { stranger } from './support/emissary-server.ts';
import { useOpenaiServer } from './support/openai-server.ts';

vi.setConfig({ testTimeout: 90_000 });

const it_ = useOpenaiServer({ ATELIER_TRAINING_JOBS: '0' });

const greedy = { model: 'starter', temperature: 0, max_output_tokens: 12 };
type Event = OpenAI.Responses.ResponseStreamEvent;
const eventsOf = async (body: Omit<OpenAI.Responses.ResponseCreateParamsStreaming, 'stream'>) =>
  Array.fromAsync(await it_.client.responses.create({ ...body, stream: true })) as Promise<Event[]>;
/** Runs of one name as one. */
const namesOf = (events: readonly Event[]) =>
  events.map(({ type }) => type.replace('response.', '')).filter((name, at, all) => name !== all[at - 1]);

const parameters = {
  type: 'object',
  properties: { city: { enum: ['Rome', 'Oslo'] } },
  required: ['city'],
  additionalProperties: false,
};
const tools = [{ type: 'function' as const, name: 'time', description: 'The time', parameters, strict: true }];

describe('responses', () => {
  it('are the same whole and as a stream of events in their order', async () => {
    const asked = { ...greedy, instructions: 'Be kind.', input: 'Say hello.', metadata: { a: 'b' } };
    const whole = await it_.client.responses.create(asked);
    expect(whole).toMatchObject({
      object: 'response',
      id: expect.stringMatching(/^resp_[0-9a-f]{32}$/),
      instructions: 'Be kind.',
      metadata: { a: 'b' },
      error: null,
      output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', annotations: [] }] }],
    });
    const cut = whole.status === 'incomplete';
    expect(whole.incomplete_details).toEqual(cut ? { reason: 'max_output_tokens' } : null);
    expect(whole.usage!.total_tokens).toBe(whole.usage!.input_tokens + whole.usage!.output_tokens);
    const events = await eventsOf(asked);
    expect(namesOf(events)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      cut ? 'incomplete' : 'completed',
    ]);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual([...events.keys()]);
    const text = events.flatMap((event) => (event.type === 'response.output_text.delta' ? event.delta : [])).join('');
    expect(text).toBe(whole.output_text);
    const last = events.at(-1) as Extract<Event, { type: 'response.completed' }>;
    expect(last.response.usage).toMatchObject({ output_tokens: whole.usage!.output_tokens });
    expect(events[0]).toMatchObject({ response: { status: 'in_progress', output: [], usage: null } });
    const streamed = await it_.client.responses.stream(asked).finalResponse();
    expect(streamed.output_text).toBe(text);
  });

  it('name their events in the frames too', async () => {
    const response = await it_.request('POST', '/v1/responses', { ...greedy, input: 'Hi', stream: true });
    const frames = (await response.text()).trimEnd().split('\n\n');
    expect(frames[0]).toMatch(/^event: response\.created\ndata: \{"type":"response\.created"/);
    expect(frames.some((frame) => frame.includes('[DONE]'))).toBe(false);
  });

  it('are kept, read, listed by their input, and deleted, by their own workspace alone', async () => {
    const input = [
      { role: 'developer' as const, content: 'Be brief.' },
      { role: 'user' as const, content: [{ type: 'input_text' as const, text: 'Say \u0000 hello.' }] },
    ];
    const { output_text: _own, ...made } = await it_.client.responses.create({ ...greedy, input });
    expect(await it_.client.responses.retrieve(made.id)).toMatchObject(made);
    const items: unknown[] = [];
    for await (const item of it_.client.responses.inputItems.list(made.id, { order: 'asc', limit: 1 }))
      items.push(item);
    expect(items).toMatchObject([
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be brief.' }] },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Say \u0000 hello.' }] },
    ]);
    const other = it_.clientOf(stranger.key);
    await expect(other.responses.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
    await expect(
      other.responses.create({ ...greedy, input: 'x', previous_response_id: made.id }),
    ).rejects.toMatchObject({ status: 404 });
    await it_.client.responses.delete(made.id);
    await expect(it_.client.responses.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
    const passing = await it_.client.responses.create({ ...greedy, input: 'x', store: false });
    await expect(it_.client.responses.retrieve(passing.id)).rejects.toMatchObject({ status: 404 });
  });

  it('go on from each other as if all had been said at once', async () => {
    const first = await it_.client.responses.create({ ...greedy, input: 'Say hello.' });
    const second = await it_.client.responses.create({ ...greedy, input: 'Again.', previous_response_id: first.id });
    const third = await it_.client.responses.create({ ...greedy, input: 'More.', previous_response_id: second.id });
    const said = [
      { role: 'user' as const, content: 'Say hello.' },
      { role: 'assistant' as const, content: first.output_text },
      { role: 'user' as const, content: 'Again.' },
      { role: 'assistant' as const, content: second.output_text },
      { role: 'user' as const, content: 'More.' },
    ];
    const whole = await it_.client.responses.create({ ...greedy, input: said });
    expect([third.output_text, third.usage!.input_tokens]).toEqual([whole.output_text, whole.usage!.input_tokens]);
  });

  it('call functions, streamed as deltas, and take their results', async () => {
    const asked = {
      ...greedy,
      max_output_tokens: 80,
      input: 'What is the time in Rome?',
      tools,
      tool_choice: { type: 'function' as const, name: 'time' },
      parallel_tool_calls: false,
    };
    const whole = await it_.client.responses.create(asked);
    const [call] = whole.output;
    expect(call).toMatchObject({ type: 'function_call', name: 'time', status: 'completed' });
    const { arguments: given, call_id } = call as OpenAI.Responses.ResponseFunctionToolCall;
    expect(JSON.parse(given)).toEqual({ city: expect.stringMatching(/^(Rome|Oslo)$/) });
    const events = await eventsOf(asked);
    expect(namesOf(events)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ]);
    expect(events.find(({ type }) => type === 'response.function_call_arguments.done')).toMatchObject({
      arguments: given,
      name: 'time',
    });
    const after = await it_.client.responses.create({
      ...greedy,
      tools,
      tool_choice: 'none',
      previous_response_id: whole.id,
      input: [{ type: 'function_call_output', call_id, output: 'noon' }],
    });
    expect(after.output[0]!.type).toBe('message');
  });

  it('keep to a schema and give log-probabilities where asked', async () => {
    const made = await it_.client.responses.create({
      ...greedy,
      max_output_tokens: 60,
      input: 'A city.',
      text: { format: { type: 'json_schema', name: 'city', schema: parameters, strict: true } },
      include: ['message.output_text.logprobs'],
      top_logprobs: 2,
    });
    expect(JSON.parse(made.output_text)).toEqual({ city: expect.stringMatching(/^(Rome|Oslo)$/) });
    const [message] = made.output as OpenAI.Responses.ResponseOutputMessage[];
    const { logprobs } = message!.content[0] as OpenAI.Responses.ResponseOutputText;
    expect(logprobs!.map(({ token }) => token).join('')).toBe(made.output_text);
    expect(logprobs!.every(({ top_logprobs }) => top_logprobs.length === 2)).toBe(true);
    // Where there are tools, a text comes later than the tokens it is made of.
    const asked = { ...greedy, input: 'Say hello.', tools, top_logprobs: 1, max_output_tokens: 6 };
    const events = await eventsOf(asked);
    const deltas = events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event] : []));
    const text = deltas.map(({ delta }) => delta).join('');
    expect(text).not.toBe('');
    const tokens = deltas.flatMap((event) => event.logprobs.map(({ token }) => token));
    expect(tokens.join('').startsWith(text)).toBe(true);
    const answer = (await it_.client.responses.create(asked)).output[0] as OpenAI.Responses.ResponseOutputMessage;
    const part = answer.content[0] as OpenAI.Responses.ResponseOutputText;
    expect(part.logprobs!.map(({ token }) => token)).toEqual(tokens);
  });

  it('refuse what cannot be had, by the field', async () => {
    const refused = async (given: object) => {
      const response = await it_.request('POST', '/v1/responses', { ...greedy, input: 'x', ...given });
      return [response.status, ((await response.json()) as { error: { param: string | null } }).error.param];
    };
    expect(await refused({ tools: [{ type: 'web_search' }] })).toEqual([400, 'tools.0.type']);
    expect(await refused({ background: true })).toEqual([400, 'background']);
    expect(await refused({ conversation: 'conv_1' })).toEqual([400, 'conversation']);
    expect(await refused({ model: 'none' })).toEqual([404, 'model']);
    expect(await refused({ previous_response_id: 'resp_1' })).toEqual([404, null]);
    expect(await refused({ input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }] })).toEqual([
      400,
      null,
    ]);
    await expect(
      it_.client.responses.create({ ...greedy, model: 'none', input: 'x', stream: true }),
    ).rejects.toMatchObject({
      status: 404,
    });
  });
});
