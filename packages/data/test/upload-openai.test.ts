import { describe, expect, it } from 'vitest';
import { convertDataset, type DatasetRecord, openaiProfile } from '../src/index.ts';

async function convert(...rows: object[]): Promise<DatasetRecord[]> {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  async function* bytes() {
    yield Buffer.from(text);
  }
  return Array.fromAsync(convertDataset(bytes(), 'jsonl', openaiProfile));
}

const question = { role: 'user', content: 'What is the time?' };
const answer = (content: string) => ({ role: 'assistant', content });
const call = { id: 'call_1', type: 'function', function: { name: 'time', arguments: '{}' } };
const tools = [{ type: 'function', function: { name: 'time', parameters: { type: 'object' } } }];

describe("OpenAI's files", () => {
  it('may end with calls, have texts in parts, and say developer for system', async () => {
    const [record] = await convert({
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'Be ' },
            { type: 'text', text: 'exact.' },
          ],
        },
        question,
        { role: 'assistant', tool_calls: [call] },
      ],
      tools,
      parallel_tool_calls: false,
    });
    expect(record).toMatchObject({
      kind: 'conversation',
      messages: [{ role: 'system', content: 'Be exact.' }, question, { role: 'assistant', tool_calls: [call] }],
      tools,
    });
  });

  it('compare two answers', async () => {
    const row = {
      input: { messages: [question], tools: [], parallel_tool_calls: true },
      preferred_output: [answer('Noon.')],
      non_preferred_output: [answer('Who knows.')],
    };
    expect(await convert(row)).toEqual([
      { kind: 'preference', messages: [question], chosen: 'Noon.', rejected: 'Who knows.' },
    ]);
  });

  it('hold prompts and completions', async () => {
    expect(await convert({ prompt: 'a', completion: 'b' })).toEqual([
      { kind: 'completion', prompt: 'a', completion: 'b' },
    ]);
  });

  it.each([
    [{ messages: [question] }, 'messages[0].role'],
    [{ messages: [question, { role: 'assistant', content: [{ type: 'image_url' }] }] }, 'messages[1].content'],
    [{ messages: [question, answer('x')], extra: 1 }, '(row)'],
    [
      { input: { messages: [question] }, preferred_output: [], non_preferred_output: [answer('x')] },
      'preferred_output',
    ],
    [
      {
        input: { messages: [question], tools },
        preferred_output: [answer('y')],
        non_preferred_output: [answer('x')],
      },
      'input.tools',
    ],
  ])('name the field that is wrong: %j', async (row, field) => {
    const error = await convert(row).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'invalid_dataset', details: { line: 1 } });
    if (field !== '(row)') expect(error).toMatchObject({ details: { field: expect.stringContaining(field) } });
  });
});
