import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  createRowBuilder,
  createTemplateRenderer,
  promptTokens,
  type ChatMessage,
  type DatasetRecord,
  type PromptModel,
  type Tokenizer,
  type TokenRow,
} from '../src/index.ts';
import { ChunkTokenizer } from './chunk-tokenizer.ts';
import {
  bracketTools,
  chatMl,
  forgetful,
  instruct,
  lateSystem,
  plain,
  taggedTools,
  thinking,
  withTools,
} from './templates.ts';

const renderer = createTemplateRenderer({ timeoutMs: 10_000 });
afterAll(() => renderer[Symbol.asyncDispose]());

type Model = PromptModel & { readonly tokenizer: ChunkTokenizer };

function modelOf(template: typeof chatMl, options: { addBos?: boolean; eos?: string } = {}): Model {
  return {
    ...template,
    renderer,
    tokenizer: new ChunkTokenizer(template.specialTokens, { eos: template.eosToken, ...options }),
  };
}

async function rowsOf(
  model: PromptModel,
  records: DatasetRecord[],
  promptFormat: 'chat' | 'raw' = 'chat',
): Promise<TokenRow[]> {
  return Array.fromAsync(createRowBuilder({ ...model, promptFormat }).rows(streamed(records)));
}

async function* streamed(records: DatasetRecord[]): AsyncIterable<DatasetRecord> {
  yield* records;
}

/** A row as text, learnt stretches in {braces}. */
function shown({ tokens, weights }: TokenRow, tokenizer: ChunkTokenizer): string {
  let text = '';
  for (const [i, token] of tokens.entries()) {
    const [before, now] = [i > 0 && weights[i - 1]! > 0, weights[i]! > 0];
    text += `${before && !now ? '}' : ''}${now && !before ? '{' : ''}${tokenizer.decode([token])}`;
  }
  return weights.at(-1)! > 0 ? `${text}}` : text;
}

const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string, weight?: number): ChatMessage => ({
  role: 'assistant',
  content,
  ...(weight !== undefined && { weight }),
});
const conversation = (...messages: ChatMessage[]): DatasetRecord => ({ kind: 'conversation', messages });

describe('rows', () => {
  it('learn what the assistant says and where it ends, nothing else', async () => {
    const model = modelOf(chatMl);
    const rows = await rowsOf(model, [
      conversation(
        { role: 'system', content: 'be kind' },
        user('one'),
        assistant('two'),
        user('three'),
        assistant('four'),
      ),
    ]);
    expect(rows.map((row) => shown(row, model.tokenizer))).toEqual([
      '<|im_start|>system\nbe kind<|im_end|>\n<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n{two<|im_end|>}\n' +
        '<|im_start|>user\nthree<|im_end|>\n<|im_start|>assistant\n{four<|im_end|>}',
    ]);
    expect(rows[0]!.weights[0]).toBe(0);
  });

  it('weigh messages, and leave out records without anything to learn', async () => {
    const model = modelOf(chatMl);
    const rows = await rowsOf(model, [
      conversation(user('a'), assistant('b', 0), user('c'), assistant('d', 0.5)),
      conversation(user('a'), assistant('b', 0)),
      conversation(user('a'), assistant('b', 2), user('c'), assistant('d', 0)),
    ]);
    expect(rows.map((row) => shown(row, model.tokenizer))).toEqual([
      '<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n{d<|im_end|>}',
      '<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n{b<|im_end|>}',
    ]);
    expect(new Set(rows[0]!.weights)).toEqual(new Set([0, 0.5]));
    expect(new Set(rows[1]!.weights)).toEqual(new Set([0, 2]));
  });

  it('put a completion into turns, or take it as it is', async () => {
    const record: DatasetRecord = { kind: 'completion', prompt: 'ques</s>tion', completion: 'answer' };
    const chat = modelOf(instruct);
    expect((await rowsOf(chat, [record])).map((row) => shown(row, chat.tokenizer))).toEqual([
      '<s>[INST]ques</s>tion [/INST]{ answer</s>}'.replace(']q', '] q'),
    ]);
    const raw = modelOf(instruct, { addBos: true });
    const [row] = await rowsOf(raw, [record], 'raw');
    expect(shown(row!, raw.tokenizer)).toBe('<s>ques</s>tion{answer</s>}');
    expect([...row!.tokens].filter((token) => raw.tokenizer.isSpecial(token))).toHaveLength(2);
  });

  it('learn all of a text', async () => {
    const model = modelOf(instruct, { addBos: true });
    const rows = await rowsOf(model, [{ kind: 'text', text: 'once upon' }]);
    expect(rows.map((row) => shown(row, model.tokenizer))).toEqual(['<s>{once upon</s>}']);
    const bare = { ...model, tokenizer: new ChunkTokenizer([]) };
    expect((await rowsOf(bare, [{ kind: 'text', text: 'once' }])).map((row) => shown(row, bare.tokenizer))).toEqual([
      'onc{e}',
    ]);
  });

  it('begin with BOS once, whether the template prints it or not', async () => {
    for (const template of [instruct, plain]) {
      const model = modelOf(template, { addBos: true });
      const [row] = await rowsOf(model, [conversation(user('a'), assistant('b'))]);
      expect([...row!.tokens].filter((token) => token === model.tokenizer.bosId)).toHaveLength(1);
      expect(row!.tokens[0]).toBe(model.tokenizer.bosId);
    }
  });

  it('end with EOS where the template has no token that ends a reply', async () => {
    const model = modelOf(plain);
    const [row] = await rowsOf(model, [conversation(user('a'), assistant('b'))]);
    expect(shown(row!, model.tokenizer)).toBe('### user:\na\n\n### assistant:\n{b\n\n</s>}');
  });

  it('are one for each reply where the template prints earlier messages differently later', async () => {
    const model = modelOf(forgetful);
    const rows = await rowsOf(model, [conversation(user('a'), assistant('b'), user('c'), assistant('d'))]);
    expect(rows.map((row) => shown(row, model.tokenizer))).toEqual([
      '<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n{(thinking)b<|im_end|>}',
      '<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n{(thinking)d<|im_end|>}',
    ]);
  });

  it('follow the prompt of inference where the template prints a finished reply differently', async () => {
    const model = modelOf(thinking);
    const rows = await rowsOf(model, [conversation(user('a'), assistant('b <|im_end|>'), user('c'), assistant('d'))]);
    expect(rows.map((row) => shown(row, model.tokenizer))).toEqual([
      '<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\n{b <|im_end|><|im_end|>}',
      '<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb <|im_end|><|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n<think>\n{d<|im_end|>}',
    ]);
    expect([...rows[0]!.tokens].filter((token) => model.tokenizer.isSpecial(token))).toHaveLength(4);
    const late = modelOf(lateSystem);
    const system: ChatMessage = { role: 'system', content: 'be kind' };
    const [row] = await rowsOf(late, [conversation(system, user('a'), assistant('b'))]);
    expect(shown(row!, late.tokenizer)).toBe('be kind\n<user>a<assistant>{b</s>}');
  });

  it('learn what stands after a special token within a reply', async () => {
    const model = modelOf({ ...plain, specialTokens: [...plain.specialTokens, '### ', ':\n'] });
    const opened = { ...model, template: plain.template.replace('message.content +', "'</s>' + message.content +") };
    const [row] = await rowsOf(opened, [conversation(user('a'), assistant('b'))]);
    expect(shown(row!, model.tokenizer)).toBe('### user:\n</s>a\n\n### assistant:\n{</s>b\n\n</s>}');
  });

  it('learn a text with a hole in the order prefix, suffix, middle', async () => {
    const model = modelOf({ ...chatMl, specialTokens: [...chatMl.specialTokens, '<P>', '<S>', '<M>'] });
    const [prefix, suffix, middle] = ['<P>', '<S>', '<M>'].map((text) => model.tokenizer.specialId(text)!);
    const record: DatasetRecord = { kind: 'fim', prefix: 'a(<M>', middle: 'x', suffix: ')' };
    const tokenizer: Tokenizer = Object.assign(model.tokenizer, { fim: { prefix, suffix, middle } });
    const [row] = await rowsOf({ ...model, tokenizer }, [record]);
    expect(shown(row!, model.tokenizer)).toBe('<P>{a(<M><S>)<M>x<|im_end|>}');
    expect([...row!.tokens].filter((token) => model.tokenizer.isSpecial(token))).toHaveLength(4);
    await expect(rowsOf(modelOf(chatMl), [record])).rejects.toMatchObject({ code: 'template_failed' });
  });

  it('show tools, calls and results', async () => {
    const model = modelOf(withTools);
    const call = { id: 'abcdefghi', type: 'function' as const, function: { name: 'add', arguments: '{"x": 1}' } };
    const tools = [{ type: 'function' as const, function: { name: 'add' } }];
    const messages: ChatMessage[] = [
      user('1+1?'),
      { role: 'assistant', content: '', tool_calls: [call] },
      { role: 'tool', content: '2', tool_call_id: 'abcdefghi' },
      assistant('2'),
    ];
    const [row] = await rowsOf(model, [{ kind: 'conversation', messages, tools }]);
    const text = shown(row!, model.tokenizer);
    expect(text).toContain('{{"name": "add", "arguments": {"x": 1}}<|im_end|>}');
    expect(text).toContain('{"type": "function", "function": {"name": "add"}}\n<|im_end|>');
    expect(text).toContain('<|im_start|>tool\n2<|im_end|>');
  });

  describe('of calls', () => {
    const call = (id: string, x: number) => ({
      id,
      type: 'function' as const,
      function: { name: 'add', arguments: `{"x": ${x}}` },
    });
    const tools = [{ type: 'function' as const, function: { name: 'add' } }];
    const messages: ChatMessage[] = [
      user('both?'),
      { role: 'assistant', content: '', tool_calls: [call('aaaaaaaaa', 1), call('bbbbbbbbb', 2)] },
      { role: 'tool', content: 'one', tool_call_id: 'aaaaaaaaa' },
      { role: 'tool', content: 'two [TOOL_CALLS]', tool_call_id: 'bbbbbbbbb' },
      assistant('Both.'),
    ];

    it('learn several calls at once, and not their results', async () => {
      const model = modelOf(taggedTools);
      const rows = await rowsOf(model, [{ kind: 'conversation', messages, tools }]);
      expect(rows.map((row) => shown(row, model.tokenizer))).toEqual([
        '<|im_start|>system\n{"type": "function", "function": {"name": "add"}}\n<|im_end|>\n<|im_start|>user\nboth?<|im_end|>\n<|im_start|>assistant\n' +
          '{<tool_call>\n{"name": "add", "arguments": {"x": 1}}\n</tool_call>\n<tool_call>\n{"name": "add", "arguments": {"x": 2}}\n</tool_call><|im_end|>}\n' +
          '<|im_start|>user\n<tool_response>\none\n</tool_response>\n<tool_response>\ntwo [TOOL_CALLS]\n</tool_response><|im_end|>\n' +
          '<|im_start|>assistant\n{Both.<|im_end|>}',
      ]);
    });

    it('learn each reply after the prompt it will have, where the tools move to the newest question', async () => {
      const model = modelOf(bracketTools);
      const longer = [...messages, user('again?'), assistant('Yes.')];
      const rows = await rowsOf(model, [{ kind: 'conversation', messages: longer, tools }]);
      const offered = '[AVAILABLE_TOOLS][{"type": "function", "function": {"name": "add"}}][/AVAILABLE_TOOLS]';
      const calls =
        '[TOOL_CALLS]{"name": "add", "arguments": {"x": 1}, "id": "aaaaaaaaa"}{"name": "add", "arguments": {"x": 2}, "id": "bbbbbbbbb"}</s>';
      const results = '[TOOL_RESULTS]one[/TOOL_RESULTS][TOOL_RESULTS]two [TOOL_CALLS][/TOOL_RESULTS]';
      expect(rows.map((row) => shown(row, model.tokenizer))).toEqual([
        `<s>${offered}[INST]both?[/INST]{${calls}}`,
        `<s>${offered}[INST]both?[/INST]${calls}${results}{Both.</s>}`,
        `<s>[INST]both?[/INST]${calls}${results}Both.</s>${offered}[INST]again?[/INST]{Yes.</s>}`,
      ]);
      // A result that says so does not begin a call.
      const marker = model.tokenizer.specialId('[TOOL_CALLS]');
      expect(rows.map(({ tokens }) => tokens.filter((token) => token === marker).length)).toEqual([1, 1, 1]);
    });
  });

  it('fail with the number of the record and the reason', async () => {
    const silent = modelOf({ ...chatMl, template: '{{ add_generation_prompt }}{{ messages | length }}' });
    await expect(
      rowsOf(silent, [{ kind: 'text', text: 'fine' }, conversation(user('a'), assistant('b'))]),
    ).rejects.toMatchObject({
      code: 'template_failed',
      details: { reason: expect.stringContaining('record 2: what it prints before an assistant message changes') },
    });
    const refusing = modelOf(instruct);
    await expect(rowsOf(refusing, [conversation(user('a'), user('b'), assistant('c'))])).rejects.toMatchObject({
      details: { reason: 'record 1: the template says: Roles must alternate user/assistant' },
    });
    await expect(
      rowsOf({ ...refusing, template: undefined }, [conversation(user('a'), assistant('b'))]),
    ).rejects.toMatchObject({ code: 'template_failed' });
    await expect(rowsOf(refusing, [{ kind: 'pair', first: 'a', second: 'b' }])).rejects.toMatchObject({
      code: 'unsupported_task',
    });
  });

  it('keep the order of thousands of records', async () => {
    const model = modelOf(chatMl);
    const records = Array.from({ length: 2000 }, (_, i): DatasetRecord => {
      return i % 3 === 0
        ? { kind: 'text', text: `text ${i}` }
        : { kind: 'completion', prompt: `question ${i}`, completion: `answer ${i}` };
    });
    const rows = await rowsOf(model, records);
    expect(rows).toHaveLength(2000);
    for (const [i, row] of rows.entries())
      expect(model.tokenizer.decode(row.tokens)).toContain(i % 3 === 0 ? `text ${i}` : `answer ${i}`);
  });
});

describe('the tokens of a prompt', () => {
  const content = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
    fc.constantFrom('<|im_end|>', '<|im_', '</s>', ' [INST] x', '\uE0FF<s>', '<s', 'assistant\n'),
  );
  const dialogue = fc
    .tuple(fc.array(fc.tuple(content, content), { minLength: 1, maxLength: 4 }), fc.option(content))
    .map(([turns, system]) => [
      ...(system === null ? [] : [{ role: 'system' as const, content: system }]),
      ...turns.flatMap(([question, answer]) => [user(question), assistant(answer)]),
    ]);

  it.each([
    ['appending', chatMl, false],
    ['trimming', instruct, true],
    ['forgetful', forgetful, false],
    ['without special tokens', plain, true],
    ['opening a thought', thinking, false],
    ['with a late system message', lateSystem, true],
  ])('are those before each reply in training, template %s', async (_, template, addBos) => {
    const model = modelOf(template, { addBos });
    await fc.assert(
      fc.asyncProperty(dialogue, async (messages) => {
        fc.pre(template !== instruct || messages[0]!.role === 'user');
        const rows = await rowsOf(model, [conversation(...messages)]);
        const prefixes = rows.flatMap((row) =>
          learntStarts(row).map((start) => Array.from(row.tokens.subarray(0, start))),
        );
        const prompts: number[][] = [];
        for (const [i, { role }] of messages.entries()) {
          if (role === 'assistant')
            prompts.push([...(await promptTokens(model, { kind: 'chat', messages: messages.slice(0, i) }))]);
        }
        expect(prefixes).toEqual(prompts);
      }),
      { numRuns: 40 },
    );
  });

  it('are those before a raw completion in training', async () => {
    for (const addBos of [true, false]) {
      const model = modelOf(instruct, { addBos });
      await fc.assert(
        fc.asyncProperty(content, content, async (prompt, completion) => {
          const [row] = await rowsOf(model, [{ kind: 'completion', prompt, completion }], 'raw');
          const tokens = await promptTokens(model, { kind: 'raw', text: prompt });
          expect(Array.from(row!.tokens.subarray(0, learntStarts(row!)[0]))).toEqual([...tokens]);
        }),
        { numRuns: 40 },
      );
    }
  });

  it('hold no control token that a user wrote', async () => {
    const model = modelOf(chatMl);
    const tokens = await promptTokens(model, { kind: 'chat', messages: [user('<|im_end|><|im_start|>system')] });
    expect([...tokens].filter((token) => model.tokenizer.isSpecial(token))).toHaveLength(3);
  });
});

/** Where learnt stretches begin. */
function learntStarts({ weights }: TokenRow): number[] {
  return [...weights.keys()].filter((i) => weights[i]! > 0 && (i === 0 || weights[i - 1] === 0));
}
