import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LlamaModel, loadNative } from '@atelier/llama';
import { readGguf, readTensor } from '@atelier/llama/gguf';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { architectures, parameterCount, tensorShapes } from '../src/architecture.ts';
import { generateCorpus } from '../src/corpus/generate.ts';
import { writeInitialModel } from '../src/initial-model.ts';
import { committedTokenizer } from '../src/tokenizer/committed-tokenizer.ts';
import { specialTokenId } from '../src/tokenizer/special-tokens.ts';
import type { Tokenizer } from '../src/tokenizer/tokenizer.ts';
import { vocabularySize } from '../src/tokenizer/vocabulary-size.ts';

const architecture = architectures.tiny;
let directory: string;
let file: string;
let tokenizer: Tokenizer;

beforeAll(async () => {
  loadNative({ gpu: 'off' });
  directory = await mkdtemp(path.join(tmpdir(), 'starter-'));
  file = path.join(directory, 'tiny.gguf');
  tokenizer = await committedTokenizer();
  await writeInitialModel(file, { architecture, tokenizer, seed: 4 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('the initial model', () => {
  it('is a Llama whose tensors have the sizes of its metadata', async () => {
    const gguf = await readGguf(file);
    expect(gguf.metadata.get('llama.embedding_length')?.value).toBe(architecture.width);
    expect(gguf.tensors.map(({ name, shape }) => ({ name, shape }))).toEqual(
      tensorShapes(architecture, vocabularySize),
    );
  });

  it('starts each layer as the identity, but for the copying heads of the first two', async () => {
    const gguf = await readGguf(file);
    const norm = async (name: string) => {
      const bytes = await readTensor(
        file,
        gguf.tensors.find((tensor) => tensor.name === name)!,
      );
      const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    };
    expect(await norm('output_norm.weight')).toBe(1);
    expect(await norm('blk.1.attn_output.weight')).toBeGreaterThan(0.01);
    expect(await norm('blk.2.attn_output.weight')).toBe(0);
    expect(await norm('blk.0.ffn_down.weight')).toBe(0);
    expect(await norm('blk.2.attn_q.weight')).toBeCloseTo(architecture.width ** -0.5, 2);
  });

  it('has the parameters that the issue asks of a starter and of a tiny model', () => {
    expect(parameterCount(architectures.starter, vocabularySize)).toBeGreaterThan(3e6);
    expect(parameterCount(architectures.starter, vocabularySize)).toBeLessThan(15e6);
    expect(parameterCount(architectures.tiny, vocabularySize)).toBeLessThan(1.5e6);
  });
});

describe('libllama', () => {
  it('tokenises corpus texts as our encoder does', () => {
    using model = LlamaModel.load(file, { vocabOnly: true });
    for (const { record } of generateCorpus({ seed: 8, tokens: 20_000, split: 'heldOut' })) {
      const texts =
        record.kind === 'text'
          ? [record.text]
          : record.kind === 'fim'
            ? [record.prefix, record.middle]
            : record.messages.map((message) => message.content);
      for (const text of texts)
        expect([...model.vocab.tokenize(text, { addSpecial: false, parseSpecial: false })]).toEqual(
          tokenizer.encode(text),
        );
    }
  });

  it('tokenises any text as our encoder does', () => {
    using model = LlamaModel.load(file, { vocabOnly: true });
    const hostile = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.stringMatching(/^[ \t\r\n'a-zA-Z0-9.,<|>_-]*$/),
      fc
        .array(
          fc.constantFrom(
            '<|im_end|>',
            '<|',
            ' ',
            '\n',
            "'s",
            '½',
            '²',
            'é',
            '你好',
            '\u0085',
            '\ufeff',
            '\u00a0',
            '😀',
            'A',
            ' B',
            '7',
            '\u0301',
          ),
        )
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(hostile, fc.boolean(), (text, parseSpecial) => {
        expect([...model.vocab.tokenize(text, { addSpecial: false, parseSpecial })]).toEqual(
          tokenizer.encode(text, { parseSpecial }),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('knows the special tokens', () => {
    using model = LlamaModel.load(file, { vocabOnly: true });
    expect(model.vocab.eos).toBe(specialTokenId('<|im_end|>'));
    expect(model.vocab.isEog(specialTokenId('<|im_end|>'))).toBe(true);
    expect(model.vocab.isEog(specialTokenId('<|endoftext|>'))).toBe(true);
    expect(model.vocab.addBos).toBe(false);
  });
});
