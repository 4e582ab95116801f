import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  createRowBuilder,
  createTemplateRenderer,
  fimPromptTokens,
  promptModelOf,
  type DatasetRecord,
  type RowBuilderOptions,
  type TokenRow,
} from '../src/index.ts';
import { ChunkTokenizer } from './chunk-tokenizer.ts';

const renderer = createTemplateRenderer({ timeoutMs: 10_000 });
afterAll(() => renderer[Symbol.asyncDispose]());

const specialTokens = ['<s>', '</s>', '<P>', '<S>', '<M>'];

type Builder = Omit<RowBuilderOptions, 'renderer' | 'promptFormat' | 'tokenizer' | 'specialTokens'>;

async function rowsOf(
  tokenizer: ChunkTokenizer,
  records: DatasetRecord[],
  options: Partial<Builder> = {},
): Promise<TokenRow[]> {
  const builder = createRowBuilder({
    bosToken: '<s>',
    eosToken: '</s>',
    specialTokens,
    ...options,
    renderer,
    tokenizer,
    promptFormat: 'raw',
  });
  async function* source(): AsyncIterable<DatasetRecord> {
    yield* records;
  }
  return Array.fromAsync(builder.rows(source()));
}

function tokenizer(addBos = false): ChunkTokenizer & { fim: { prefix: number; suffix: number; middle: number } } {
  const made = new ChunkTokenizer(specialTokens, { addBos });
  const [prefix, suffix, middle] = ['<P>', '<S>', '<M>'].map((text) => made.specialId(text)!) as [
    number,
    number,
    number,
  ];
  return Object.assign(made, { fim: { prefix, suffix, middle } });
}

const learnt = ({ weights }: TokenRow): number[] => [...weights];

describe('a text longer than a row', () => {
  it('goes on in rows that begin with the last token of the one before', async () => {
    const own = tokenizer(true);
    const rows = await rowsOf(own, [{ kind: 'text', text: 'aaabbbcccdddeee' }], { maxTokens: 4 });
    expect(rows.map((row) => own.decode(row.tokens))).toEqual(['<s>aaabbbccc', 'cccdddeee</s>']);
    expect(rows.map(learnt)).toEqual([
      [0, 1, 1, 1],
      [0, 1, 1, 1],
    ]);
  });

  it('is learnt whole, each token once, in rows that are full but the last, whatever their length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 2, max: 12 }),
        fc.boolean(),
        async (texts, maxTokens, addBos) => {
          const own = tokenizer(addBos);
          const documents = texts.map((text) => [
            ...(addBos ? [own.bosId!] : []),
            ...own.encode(text),
            own.specialId('</s>')!,
          ]);
          const rows = await rowsOf(
            own,
            texts.map((text) => ({ kind: 'text', text })),
            { maxTokens },
          );
          const predicted = rows.flatMap((row) => Array.from(row.tokens.subarray(1)));
          expect(predicted).toEqual(documents.flatMap((document) => document.slice(1)));
          for (const row of rows) {
            expect(row.tokens.length).toBeLessThanOrEqual(maxTokens);
            expect(learnt(row)).toEqual([0, ...Array<number>(row.tokens.length - 1).fill(1)]);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('the weight of a record', () => {
  it('multiplies what is learnt from it, its prompt too where that is learnt, and 0 leaves it out', async () => {
    const record = { kind: 'completion' as const, prompt: 'ab', completion: 'cd' };
    const weightsOf = async (records: DatasetRecord[], options: Partial<Builder> = {}) =>
      (await rowsOf(tokenizer(), records, options)).map(({ weights }) => [...weights]);
    const [plain] = await weightsOf([record]);
    const records = [record, { ...record, weight: 2.5 }, { ...record, weight: 0 }];
    expect(await weightsOf(records)).toEqual([plain, plain!.map((weight) => weight * 2.5)]);
    expect(plain).toContain(0);
    expect(await weightsOf([{ ...record, weight: 4 }], { promptWeight: 0.25 })).toEqual([
      plain!.map((weight, at) => (at === 0 ? 0 : weight === 0 ? 1 : 4)),
    ]);
    const text = await weightsOf([{ kind: 'text', text: 'abc', weight: 3 }]);
    expect(text[0]!.slice(1).every((weight) => weight === 3)).toBe(true);
  });
});

describe('a text with a hole', () => {
  const record = { kind: 'fim', prefix: 'aaabbb', middle: 'mmm', suffix: 'yyyzzz' } as const;

  it('has its suffix first in the share asked for, the same for the same seed', async () => {
    const own = tokenizer();
    const first = (row: TokenRow): boolean => own.decode(row.tokens) === '<P><S>yyyzzz<M>aaabbbmmm</s>';
    const records = Array.from({ length: 400 }, () => record);
    const share = async (suffixFirstShare: number, seed: number): Promise<boolean[]> =>
      (await rowsOf(own, records, { fim: { suffixFirstShare, seed } })).map(first);
    const half = await share(0.5, 1);
    expect(half.filter(Boolean).length).toBeGreaterThan(150);
    expect(half.filter(Boolean).length).toBeLessThan(250);
    expect(await share(0.5, 1)).toEqual(half);
    expect(await share(0.5, 2)).not.toEqual(half);
    expect((await share(0, 1)).some(Boolean)).toBe(false);
    expect((await share(1, 1)).every(Boolean)).toBe(true);
    const [row] = await rowsOf(own, [record]);
    expect(own.decode(row!.tokens)).toBe('<P>aaabbb<S>yyyzzz<M>mmm</s>');
    expect(learnt(row!)).toEqual([0, ...Array<number>(8).fill(1)]);
  });

  it('keeps what is nearest to the hole where it is too long, and is left out where the hole is', async () => {
    const own = tokenizer();
    const text = async (maxTokens: number): Promise<string[]> =>
      (await rowsOf(own, [record], { maxTokens })).map((row) => own.decode(row.tokens));
    expect(await text(9)).toEqual(['<P>aaabbb<S>yyyzzz<M>mmm</s>']);
    expect(await text(7)).toEqual(['<P>bbb<S>yyy<M>mmm</s>']);
    expect(await text(5)).toEqual(['<P><S><M>mmm</s>']);
    expect(await text(4)).toEqual([]);
    const lopsided = await rowsOf(own, [{ ...record, suffix: '' }], { maxTokens: 7 });
    expect(own.decode(lopsided[0]!.tokens)).toBe('<P>aaabbb<S><M>mmm</s>');
  });

  it('begins like every sequence of its vocabulary, and like the prompt that serves it', async () => {
    const own = tokenizer(true);
    const [row] = await rowsOf(own, [record]);
    const prompt = fimPromptTokens(own, record);
    expect(own.decode(prompt)).toBe('<s><P>aaabbb<S>yyyzzz<M>');
    expect(Array.from(row!.tokens.subarray(0, prompt.length))).toEqual(prompt);
  });

  it("has its suffix first for Mistral's models, which go on from the prefix", async () => {
    const texts = ['<s>', '</s>', '[PREFIX]', '[SUFFIX]', 'a', 'b'];
    const none = { prefix: undefined, suffix: undefined, middle: undefined };
    const vocabulary = {
      tokenize: (text: string) => Int32Array.from(text, (letter) => texts.indexOf(letter)),
      specialTokens: () => texts.slice(0, 4).map((text, id) => ({ id, text })),
      text: (token: number) => texts[token]!,
      bos: 0,
      eos: 1,
      addBos: true,
      fim: none,
    };
    const { tokenizer: own } = promptModelOf(vocabulary, undefined, renderer);
    const spelt = fimPromptTokens(own, { prefix: 'ab', suffix: 'ba' }).map((token) => texts[token]);
    expect(spelt.join('')).toBe('<s>[SUFFIX]ba[PREFIX]ab');
  });

  it('is refused where the vocabulary has no tokens for holes', async () => {
    const without = new ChunkTokenizer(specialTokens);
    await expect(rowsOf(without, [{ kind: 'text', text: 'a' }, record])).rejects.toMatchObject({
      code: 'template_failed',
      details: { reason: expect.stringContaining('record 2: the model was not made to fill in the middle') },
    });
  });
});
