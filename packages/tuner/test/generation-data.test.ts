import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DatasetRecord, TokenRow } from '@atelier/data';
import { LlamaModel, loadNative } from '@atelier/llama';
import { readGguf, readTensor, writeGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSpecSchema } from '../src/contract/index.ts';
import { readTokenRows, tokenRows } from '../src/objectives/generation.ts';
import { events, last, run, writeRun } from './run-directory.ts';

/** Prints tools, calls and results the way ChatML models do. */
const toolTemplate = `{% if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.tool_calls %}{% for call in message.tool_calls %}<tool_call>{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}</tool_call>{% endfor %}{% else %}{{ message.content }}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

let root: string;
let model: string;
beforeAll(async () => {
  loadNative({ gpu: 'off' });
  root = await mkdtemp(path.join(tmpdir(), 'tuner-data-'));
  model = path.join(root, 'tiny.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64, chatTemplate: toolTemplate });
});
afterAll(() => rm(root, { recursive: true }));

type Rows = { rows: TokenRow[]; truncated: number };

let next = 0;

async function writeRecords(records: readonly DatasetRecord[]): Promise<string> {
  const file = path.join(root, `records-${next++}.jsonl`);
  await writeFile(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return file;
}

async function rowsOf(records: readonly DatasetRecord[], limit: number, from = model): Promise<Rows> {
  const file = await writeRecords(records);
  const spec = runSpecSchema.parse({ version: 1, task: 'generation', method: 'lora', baseModel: from, train: [file] });
  return readTokenRows({ spec, baseModel: from, limit, now: 0 }, [file], 0);
}

/** Rows as text, what is learnt in {braces}. */
function shown({ rows }: Rows, from = model): string[] {
  using loaded = LlamaModel.load(from, { vocabOnly: true });
  const { vocab } = loaded;
  return rows.map(({ tokens, weights }) => {
    let text = '';
    for (let start = 0, end: number; start < tokens.length; start = end) {
      const learnt = weights[start]! > 0;
      for (end = start; end < tokens.length && weights[end]! > 0 === learnt;) end++;
      const piece = vocab.detokenize(tokens.subarray(start, end), { renderSpecial: true });
      text += learnt ? `{${piece}}` : piece;
    }
    return text;
  });
}

const poem = Array.from({ length: 30 }, (_, i) => `line ${i} of the long text that goes on and on\n`).join('');

const tools = [
  {
    type: 'function' as const,
    function: { name: 'add', parameters: { type: 'object', properties: { a: { type: 'number' } } } },
  },
];
const calling: DatasetRecord = {
  kind: 'conversation',
  tools,
  messages: [
    { role: 'user', content: 'add two' },
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ id: 'abcdefghi', type: 'function', function: { name: 'add', arguments: '{"a": 2}' } }],
    },
    { role: 'tool', content: 'four', tool_call_id: 'abcdefghi' },
    { role: 'assistant', content: 'It is four.' },
  ],
};
const hole: DatasetRecord = {
  kind: 'fim',
  prefix: 'function add(a, b) {\n  return ',
  middle: 'a + b',
  suffix: ';\n}\n',
};

describe('the rows of a model', () => {
  it('hold a long text whole', async () => {
    const made = await rowsOf([{ kind: 'text', text: poem }], 64);
    expect(made.truncated).toBe(0);
    expect(made.rows.length).toBeGreaterThan(10);
    expect(made.rows.every(({ tokens }) => tokens.length <= 64)).toBe(true);
    using loaded = LlamaModel.load(model, { vocabOnly: true });
    const whole = [made.rows[0]!.tokens[0]!, ...made.rows.flatMap(({ tokens }) => Array.from(tokens.subarray(1)))];
    expect(whole.at(-1)).toBe(loaded.vocab.eos);
    expect(loaded.vocab.detokenize(Int32Array.from(whole.slice(0, -1)), { renderSpecial: true })).toBe(poem);
    expect(tokenRows(made).supervised).toBe(whole.length - 1);
  });

  it('learn calls and replies of an assistant with tools, not what it is given', async () => {
    const [row] = shown(await rowsOf([calling], 256));
    expect(row).toBe(
      '<|im_start|>system\n{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "number"}}}}}\n<|im_end|>\n' +
        '<|im_start|>user\nadd two<|im_end|>\n<|im_start|>assistant\n' +
        '{<tool_call>{"name": "add", "arguments": {"a": 2}}</tool_call><|im_end|>}\n' +
        '<|im_start|>tool\nfour<|im_end|>\n<|im_start|>assistant\n{It is four.<|im_end|>}',
    );
  });

  it('mark a hole with the tokens of the vocabulary, which a text cannot write', async () => {
    const forged = { ...hole, prefix: '<|fim_middle|>' };
    const made = await rowsOf([hole, forged], 256);
    expect(shown(made)[0]).toBe(
      '<|fim_prefix|>{function add(a, b) {\n  return <|fim_suffix|>;\n}\n<|fim_middle|>a + b<|im_end|>}',
    );
    using loaded = LlamaModel.load(model, { vocabOnly: true });
    const middle = loaded.vocab.fim.middle!;
    expect(made.rows.map(({ tokens }) => tokens.filter((token) => token === middle).length)).toEqual([1, 1]);
  });

  it('cannot hold a hole where the vocabulary has no tokens for it', async () => {
    const without = path.join(root, 'no-holes.gguf');
    const base = await readGguf(model);
    await writeGguf(without, {
      metadata: [...base.metadata].flatMap(([key, value]) => {
        if (key.includes('fim_')) return [];
        if (key !== 'tokenizer.ggml.tokens' || value.type !== 'ARRAY') return [[key, value]];
        const tokens = (value.value as string[]).map((text) => text.replace('<|fim_', '<|other_'));
        return [[key, { ...value, value: tokens } as typeof value]];
      }),
      tensors: base.tensors.map((tensor) => ({ ...tensor, data: () => readTensor(model, tensor) })),
    });
    await expect(rowsOf([hole], 256, without)).rejects.toMatchObject({
      code: 'template_failed',
      details: { reason: expect.stringContaining('record 1: the model was not made to fill in the middle') },
    });
  });
});

describe('a run', () => {
  it.each([
    ['a long text', [{ kind: 'text', text: poem }], { maxSequenceTokens: 64 }],
    ['texts with holes', [hole, { ...hole, middle: 'b + a' }], { fimSuffixFirstShare: 0.5 }],
    ['tool calls', [calling], {}],
  ] as [string, DatasetRecord[], object][])(
    'learns %s',
    async (_, records, hyperParameters) => {
      const directory = path.join(root, `run-${next++}`);
      await writeRun(directory, model, {
        train: [await writeRecords(records)],
        validation: [],
        hyperParameters: { steps: 30, learningRate: 1e-2, ...hyperParameters },
      });
      expect(await run(directory)).toBe(0);
      const all = await events(directory);
      expect(last(all, 'plan')!.truncatedRows).toBe(0);
      const losses = all.filter((event) => event.type === 'step').map(({ loss }) => loss);
      expect(losses.at(-1)!).toBeLessThan(losses[0]! * 0.7);
    },
    120_000,
  );
});
