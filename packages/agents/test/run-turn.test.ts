/** Turns over a generator that says what a test lets it say, as any generator behind the interface may. */
import { AtelierError } from '@atelier/errors';
import { describe, expect, it } from 'vitest';
import {
  type Agent,
  chatMessages,
  type Entry,
  type Generate,
  runTurn,
  type ServerTool,
  type TurnEvent,
} from '../src/index.ts';

type Requests = Parameters<Generate>[0][];
type Said = ({ text: string } | { call: string; arguments?: string })[];

const usage = { promptTokens: 10, completionTokens: 2 };

/** Says one of `texts` after the other, the last of them for ever. */
function saying(...texts: Said[]): { generate: Generate; requests: Requests } {
  const requests: Requests = [];
  const generate: Generate = async function* (request) {
    requests.push(request);
    const said = texts[Math.min(requests.length, texts.length) - 1]!;
    for (const [index, part] of said.entries()) {
      if ('text' in part) yield { type: 'text', text: part.text };
      else {
        const id = `call${index}`;
        yield { type: 'tool_call', id, name: part.call };
        yield { type: 'tool_call', id, arguments: part.arguments ?? '{}' };
      }
    }
    yield { type: 'finish', usage };
  };
  return { generate, requests };
}

const agent = (name: string, more: Partial<Agent> = {}): Agent => ({
  id: name,
  name,
  description: null,
  model: `model of ${name}`,
  instructions: `I am ${name}`,
  tools: [],
  settings: {},
  handoffs: [],
  ...more,
});
const fn = (name: string) =>
  ({ kind: 'function', name, description: '', parameters: { type: 'object' }, strict: false }) as const;
const builtIn = (name: string) => ({ kind: 'built-in', name, options: {} }) as const;
const input = (content: string, role: 'user' | 'assistant' = 'user'): Entry => ({
  kind: 'input',
  id: content,
  createdAt: new Date(),
  completedAt: null,
  role,
  content,
});

const clock: ServerTool = {
  description: 'Tells the time',
  parameters: { type: 'object' },
  run: async (given) => ({ result: `noon ${given}`, info: { time: 'noon' }, tokens: 7 }),
};
const broken: ServerTool = { ...clock, run: () => Promise.reject(new AtelierError('tool_unavailable', { name: 'x' })) };
const tools = new Map([
  ['clock', clock],
  ['broken', broken],
]);

async function turn(
  generate: Generate,
  given: Agent | readonly [Agent, ...Agent[]],
  options: { handoffs?: 'client' | 'server'; entries?: Entry[] } = {},
) {
  const agents = [given].flat() as Agent[];
  const events: TurnEvent[] = [];
  const parts = { generate, tools, agent: async (id: string) => agents.find((one) => one.id === id)! };
  const { handoffs = 'server', entries = [input('Hello')] } = options;
  const running = runTurn(parts, { agent: agents[0]!, entries, handoffs }, new AbortController().signal);
  for await (const event of running) events.push(event);
  const made = events.flatMap((event) => (event.type === 'end' ? [event.entry] : []));
  const done = events.at(-1)!;
  return { events, made, kinds: made.map(({ kind }) => kind), usage: done.type === 'done' ? done.usage : undefined };
}

describe('a turn', () => {
  it('is one text, told as it comes', async () => {
    const { generate, requests } = saying([{ text: ' ' }, { text: '\nGood' }, { text: ' day' }]);
    const { events, made, usage: total } = await turn(generate, agent('a', { settings: { temperature: 1 } }));
    expect(events.map(({ type }) => type)).toEqual(['begin', 'delta', 'delta', 'end', 'done']);
    expect(made).toMatchObject([{ kind: 'output', content: ' \nGood day', agentId: 'a', model: 'model of a' }]);
    expect(total).toEqual({ ...usage, toolTokens: 0, toolRuns: {} });
    expect(requests).toMatchObject([
      {
        model: 'model of a',
        messages: [
          { role: 'system', content: 'I am a' },
          { role: 'user', content: 'Hello' },
        ],
        tools: [],
        settings: { temperature: 1 },
      },
    ]);
  });

  it('has an empty text where there is nothing to say', async () => {
    const { made } = await turn(saying([{ text: ' ' }]).generate, agent('a'));
    expect(made).toMatchObject([{ kind: 'output', content: '' }]);
  });

  it('ends with calls of functions, and goes on with their results', async () => {
    const says = saying([{ text: '\n' }, { call: 'f', arguments: '{"x":1}' }, { call: 'g' }]);
    const caller = agent('a', { tools: [fn('f'), fn('g')], settings: { toolChoice: 'any' } });
    const { made, kinds, events } = await turn(says.generate, caller);
    expect(kinds).toEqual(['call', 'call']);
    expect(made).toMatchObject([
      { name: 'f', callId: 'call1', arguments: '{"x":1}' },
      { name: 'g', callId: 'call2' },
    ]);
    expect(events.filter(({ type }) => type !== 'done').map((event) => 'index' in event && event.index)).toEqual([
      0, 0, 0, 1, 1, 1,
    ]);
    expect(says.requests[0]).toMatchObject({ toolChoice: 'any', parallelToolCalls: true });

    const result = (callId: string): Entry => ({
      kind: 'result',
      id: callId,
      callId,
      result: `of ${callId}`,
      createdAt: new Date(),
      completedAt: null,
    });
    const before = [input('Hello'), ...made];
    const { generate, requests } = saying([{ text: 'So' }]);
    await turn(generate, caller, { entries: [...before, result('call2'), result('call1')] });
    expect(requests[0]!.messages.slice(2)).toMatchObject([
      { role: 'assistant', content: '', tool_calls: [{ id: 'call1' }, { id: 'call2' }] },
      { role: 'tool', tool_call_id: 'call2', name: 'g', content: 'of call2' },
      { role: 'tool', tool_call_id: 'call1', name: 'f' },
    ]);
    for (const wrong of [[result('call1')], [result('call1'), input('x')], [result('call1'), result('callX')]])
      await expect(turn(generate, caller, { entries: [...before, ...wrong] })).rejects.toMatchObject({
        code: 'message_order',
      });
    expect(requests).toHaveLength(1);
  });

  it('runs its own tools, tells of their failures, and lets the model answer', async () => {
    const { generate, requests } = saying(
      [{ text: 'Let me see' }, { call: 'clock', arguments: '{"z":0}' }],
      [{ call: 'broken' }],
      [{ text: 'Noon' }],
    );
    const teller = agent('a', {
      tools: [builtIn('clock'), builtIn('broken'), fn('f')],
      settings: { toolChoice: 'required' },
    });
    const { kinds, made, usage: total, events } = await turn(generate, teller);
    expect(kinds).toEqual(['output', 'execution', 'execution', 'output']);
    expect(made[1]).toMatchObject({ name: 'clock', arguments: '{"z":0}', info: { time: 'noon' } });
    expect(made[2]).toMatchObject({ info: { error: { code: 'tool_unavailable', message: expect.any(String) } } });
    expect(total).toEqual({
      promptTokens: 30,
      completionTokens: 6,
      toolTokens: 7,
      toolRuns: { clock: 1, broken: 1 },
    });
    expect(requests.map(({ toolChoice }) => toolChoice)).toEqual(['required', 'auto', 'auto']);
    expect(requests[0]!.parallelToolCalls).toBe(false);
    expect(requests[2]!.messages.slice(2)).toMatchObject([
      { role: 'assistant', content: 'Let me see', tool_calls: [{ function: { name: 'clock' } }] },
      { role: 'tool', content: 'noon {"z":0}' },
      { role: 'assistant', tool_calls: [{ function: { name: 'broken' } }] },
      { role: 'tool', content: expect.stringMatching(/^Error: /) },
    ]);
    expect(events.flatMap((event) => ('index' in event && event.type === 'end' ? [event.index] : []))).toEqual([
      0, 1, 2, 3,
    ]);
  });

  it('hands over to another agent, which reads what happened', async () => {
    const { generate, requests } = saying([{ call: 'hand_over_to_b_c' }], [{ text: 'I am here' }]);
    const other = agent('b c', { description: 'knows more' });
    const { made, kinds } = await turn(generate, [agent('a', { handoffs: ['b c'] }), other]);
    expect(kinds).toEqual(['handoff', 'output']);
    expect(made).toMatchObject([
      { previousAgentId: 'a', previousAgentName: 'a', nextAgentId: 'b c', nextAgentName: 'b c' },
      { agentId: 'b c', model: 'model of b c' },
    ]);
    expect(requests[0]!.tools).toMatchObject([
      { function: { name: 'hand_over_to_b_c', description: 'Hand the conversation over to b c: knows more' } },
    ]);
    expect(requests[1]).toMatchObject({ model: 'model of b c', tools: [], toolChoice: 'auto' });
    expect(requests[1]!.messages[0]).toEqual({ role: 'system', content: 'I am b c' });
    expect(requests[1]!.messages.at(-1)!.role).toBe('tool');
  });

  it('ends at a handoff that the client is to carry out', async () => {
    const { generate, requests } = saying([{ call: 'hand_over_to_b' }]);
    const agents = [agent('a', { handoffs: ['b'] }), agent('b')] as const;
    const { kinds } = await turn(generate, agents, { handoffs: 'client' });
    expect(kinds).toEqual(['handoff']);
    expect(requests).toHaveLength(1);
  });

  it('tells agents of one name and a function of theirs apart', async () => {
    const { generate, requests } = saying([{ call: 'hand_over_to_b_3' }], [{ text: 'x' }]);
    const both = [agent('1', { name: 'B' }), agent('2', { name: 'b' })];
    const first = agent('a', { handoffs: ['1', '2'], tools: [fn('hand_over_to_b')] });
    const { made } = await turn(generate, [first, ...both]);
    expect(requests[0]!.tools.map((tool) => tool.function.name)).toEqual([
      'hand_over_to_b',
      'hand_over_to_b_2',
      'hand_over_to_b_3',
    ]);
    expect(made[0]).toMatchObject({ nextAgentId: '2' });
  });

  it('ends though two agents would hand over for ever: the last of them has to answer', async () => {
    const requests: Requests = [];
    const generate: Generate = async function* (request) {
      requests.push(request);
      const name = request.tools[0]!.function.name;
      if (request.toolChoice === 'none') yield { type: 'text', text: 'Enough' };
      else {
        yield { type: 'tool_call', id: 'x', name };
        yield { type: 'tool_call', id: 'x', arguments: '{}' };
      }
      yield { type: 'finish', usage };
    };
    const settings = { toolChoice: 'required' } as const;
    const agents = [agent('a', { handoffs: ['b'], settings }), agent('b', { handoffs: ['a'], settings })] as const;
    const { kinds } = await turn(generate, agents);
    expect(kinds).toEqual([...Array<string>(16).fill('handoff'), 'output']);
    expect(requests.at(-1)!.toolChoice).toBe('none');
  });

  it('fails where its generator or its signal does, and not as a tool', async () => {
    const cut = new AbortController();
    const stuck = new Map([
      [
        'clock',
        {
          ...clock,
          run: () => (cut.abort(new AtelierError('cancelled')), Promise.reject(new AtelierError('cancelled'))),
        },
      ],
    ]);
    const { generate } = saying([{ call: 'clock' }]);
    const running = runTurn(
      { generate, tools: stuck, agent: async () => agent('a') },
      { agent: agent('a', { tools: [builtIn('clock')] }), entries: [input('x')], handoffs: 'server' },
      cut.signal,
    );
    await expect(Array.fromAsync(running)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

it('a conversation has to end with something to answer', () => {
  expect(() => chatMessages('x', [])).toThrow('the last is system');
  expect(() => chatMessages(null, [])).toThrow('the last is none');
  expect(() => chatMessages(null, [input('a'), input('b', 'assistant')])).toThrow('the last is assistant');
  expect(chatMessages(null, [input('a', 'assistant'), input('b')]).map(({ role }) => role)).toEqual([
    'assistant',
    'user',
  ]);
});
