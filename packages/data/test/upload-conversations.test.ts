import { describe, expect, it } from 'vitest';
import {
  convertDataset,
  emissaryProfile,
  mistralProfile,
  type DatasetProfile,
  type DatasetRecord,
} from '../src/index.ts';

type Message = Record<string, unknown>;

async function converted(row: unknown, profile: DatasetProfile): Promise<DatasetRecord> {
  async function* source(): AsyncIterable<Uint8Array> {
    yield Buffer.from(JSON.stringify(row));
  }
  return (await Array.fromAsync(convertDataset(source(), 'jsonl', profile)))[0]!;
}

const system: Message = { role: 'system', content: 'be brief' };
const user: Message = { role: 'user', content: 'a' };
const assistant: Message = { role: 'assistant', content: 'b' };
const call = { id: 'abcdefghi', type: 'function', function: { name: 'add', arguments: '{"x": 1}' } };
const calling: Message = { role: 'assistant', tool_calls: [call] };
const result: Message = { role: 'tool', content: '2', tool_call_id: 'abcdefghi' };
const tools = [
  { type: 'function', function: { name: 'add', description: 'Adds', parameters: { type: 'object', properties: {} } } },
];

describe('an uploaded conversation', () => {
  it('keeps messages, weights and names, and takes null for absent', async () => {
    const messages = [system, { ...user, name: 'Ann', weight: null }, { ...assistant, weight: 0 }, user, assistant];
    expect(await converted({ messages }, emissaryProfile)).toEqual({
      kind: 'conversation',
      messages: [system, { ...user, name: 'Ann' }, { ...assistant, weight: 0 }, user, assistant],
    });
  });

  it('may call the tools it offers', async () => {
    const withObject = {
      ...calling,
      content: null,
      tool_calls: [{ id: call.id, function: { name: 'add', arguments: { x: 1 } } }],
    };
    for (const first of [calling, withObject]) {
      const record = await converted({ messages: [user, first, result, assistant], tools }, mistralProfile);
      expect(record).toMatchObject({
        kind: 'conversation',
        tools,
        messages: [user, { role: 'assistant', content: '' }, result, assistant],
      });
      const [made] = record.kind === 'conversation' ? record.messages[1]!.tool_calls! : [];
      expect(made).toMatchObject({ id: 'abcdefghi', type: 'function', function: { name: 'add' } });
      expect(JSON.parse(made!.function.arguments)).toEqual({ x: 1 });
    }
  });

  it('may be called interactions', async () => {
    expect(await converted({ interactions: [user, assistant] }, mistralProfile)).toEqual({
      kind: 'conversation',
      messages: [user, assistant],
    });
  });

  const refused: [string, Message[], string, string][] = [
    ['no messages', [], 'messages', 'must not be empty'],
    ['no reply at the end', [user, assistant, user], 'messages[2].role', 'must be assistant in the last message'],
    ['an empty reply', [user, { role: 'assistant', content: '' }], 'messages[1].content', 'must not be empty'],
    ['a blank reply', [user, { role: 'assistant', content: ' \n' }], 'messages[1].content', 'must not be empty'],
    ['no content', [user, { role: 'assistant' }], 'messages[1].content', 'is missing'],
    ['null content', [{ role: 'user', content: null }, assistant], 'messages[0].content', 'must be a text'],
    ['a late system message', [user, system, assistant], 'messages[1].role', 'may be system only in the first message'],
    [
      'two system messages',
      [system, system, user, assistant],
      'messages[1].role',
      'may be system only in the first message',
    ],
    [
      'an unknown role',
      [{ role: 'Xyzzy', content: 'a' }, assistant],
      'messages[0].role',
      'must be system or user or assistant',
    ],
    ['no role', [{ content: 'a' }, assistant], 'messages[0].role', 'is missing'],
    ['a weight of a user', [{ ...user, weight: 1 }, assistant], 'messages[0].weight', 'is for assistant messages only'],
    ['a negative weight', [user, { ...assistant, weight: -1 }], 'messages[1].weight', 'must be at least 0'],
    ['a huge weight', [user, { ...assistant, weight: 1e9 }], 'messages[1].weight', 'must be at most 100'],
    [
      'nothing to learn',
      [user, { ...assistant, weight: 0 }],
      'messages',
      'must hold an assistant message with a weight above 0',
    ],
    ['an unknown field', [{ ...user, Xyzzy: 1 }, assistant], 'messages[0]', 'does not belong'],
    ['tool calls where the API has none', [user, calling, result, assistant], 'messages[1]', 'does not belong'],
    ['no list', 'hello' as never, 'messages', 'must be a list'],
    ['half a surrogate pair', [user, { ...assistant, content: '\ud800' }], 'messages[1]', 'surrogate'],
  ];
  it.each(refused)('is refused with %s', async (_, messages, field, reason) => {
    await expect(converted({ messages }, emissaryProfile)).rejects.toMatchObject({
      details: { line: 1, field, reason: expect.stringContaining(reason) },
    });
    await expect(converted({ messages }, emissaryProfile)).rejects.not.toThrow(/Xyzzy/);
  });

  const misused: [string, Message[], string, string][] = [
    ['a result without a call', [user, result, assistant], 'messages[1].tool_call_id', 'answers no open call'],
    [
      'a result of another call',
      [user, calling, { ...result, tool_call_id: 'zzzzzzzzz' }, assistant],
      'messages[2].tool_call_id',
      'answers no open call',
    ],
    ['a result twice', [user, calling, result, result, assistant], 'messages[3].tool_call_id', 'answers no open call'],
    [
      'a result of nothing',
      [user, calling, { role: 'tool', content: '2' }, assistant],
      'messages[2].tool_call_id',
      'is missing',
    ],
    ['a call without a result', [user, calling, assistant], 'messages[2].role', 'must be tool'],
    ['a call at the end', [user, calling], 'messages[1].tool_calls', 'need their results'],
    ['a result at the end', [user, calling, result], 'messages[2].role', 'must be assistant'],
    [
      'a call of an unknown function',
      [
        user,
        { ...calling, tool_calls: [{ ...call, function: { name: 'Xyzzy', arguments: '{}' } }] },
        result,
        assistant,
      ],
      'messages[1].tool_calls[0].function.name',
      'is not defined in tools',
    ],
    [
      'arguments that are no JSON',
      [
        user,
        { ...calling, tool_calls: [{ ...call, function: { name: 'add', arguments: 'Xyzzy' } }] },
        result,
        assistant,
      ],
      'messages[1].tool_calls[0].function.arguments',
      'must be a JSON object',
    ],
    [
      'arguments of a wrong type',
      [user, { ...calling, tool_calls: [{ ...call, function: { name: 'add', arguments: 1 } }] }, result, assistant],
      'messages[1].tool_calls[0].function.arguments',
      'must be JSON text or an object',
    ],
    [
      'a short id',
      [user, { ...calling, tool_calls: [{ ...call, id: 'abc' }] }, result, assistant],
      'messages[1].tool_calls[0].id',
      'must be nine letters or digits',
    ],
    [
      'an id twice',
      [user, { ...calling, tool_calls: [call, call] }, result, assistant],
      'messages[1].tool_calls[1].id',
      'is the id of another call',
    ],
    [
      'content beside calls',
      [user, { ...calling, content: 'let me see' }, result, assistant],
      'messages[1].content',
      'must be left out',
    ],
    [
      'calls of a user',
      [{ ...calling, role: 'user' }, assistant],
      'messages[0].tool_calls',
      'are for assistant messages only',
    ],
    [
      'an id outside of results',
      [{ ...user, tool_call_id: 'abcdefghi' }, assistant],
      'messages[0].tool_call_id',
      'is for tool messages only',
    ],
  ];
  it.each(misused)('is refused with %s', async (_, messages, field, reason) => {
    await expect(converted({ messages, tools }, mistralProfile)).rejects.toMatchObject({
      details: { line: 1, field, reason: expect.stringContaining(reason) },
    });
    await expect(converted({ messages, tools }, mistralProfile)).rejects.not.toThrow(/Xyzzy/);
  });

  it('may have a thousand messages', async () => {
    const messages = Array.from({ length: 500 }, () => [user, assistant]).flat();
    expect(await converted({ messages }, emissaryProfile)).toMatchObject({ kind: 'conversation' });
    await expect(converted({ messages: [system, ...messages] }, emissaryProfile)).rejects.toMatchObject({
      details: { field: 'messages', reason: 'must not hold more than 1000' },
    });
  });
});
