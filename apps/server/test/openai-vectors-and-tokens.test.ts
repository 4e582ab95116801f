import path from 'node:path';
import { writeTinyBert } from '@atelier/llama/testing';
import { describe, expect, it } from 'vitest';
import { useOpenaiServer } from './support/openai-server.ts';

const it_ = useOpenaiServer({ ATELIER_TRAINING_JOBS: '0' });

const model = 'gpt-4o-mini';
const messages = [{ role: 'user' as const, content: 'Say hello.' }];
const greedy = { model, messages, temperature: 0, max_tokens: 8 };
const limit = 90_000;

describe('embeddings', () => {
  it(
    'are numbers or base64, of texts and tokens, with fewer dimensions where asked',
    async () => {
      const asked = { model: 'text-embedding-3-small', input: ['one fish', 'two fish'] };
      const float = await it_.client.embeddings.create({ ...asked, encoding_format: 'float' });
      const base64 = await it_.client.embeddings.create(asked);
      expect(float.data.map(({ index }) => index)).toEqual([0, 1]);
      for (const [at, { embedding }] of base64.data.entries()) {
        expect(embedding).toHaveLength(float.data[at]!.embedding.length);
        embedding.forEach((x, i) => expect(x).toBeCloseTo(float.data[at]!.embedding[i]!, 5));
      }
      expect(float.usage.total_tokens).toBeGreaterThan(2);
      const [cut] = (await it_.client.embeddings.create({ ...asked, input: 'one fish', dimensions: 8 })).data;
      expect(cut!.embedding).toHaveLength(8);
      expect(Math.hypot(...cut!.embedding)).toBeCloseTo(1, 4);
      const tokens = await it_.client.embeddings.create({ ...asked, input: [[5, 6], [7]] });
      expect(tokens).toMatchObject({ usage: { prompt_tokens: 3 }, data: [{ index: 0 }, { index: 1 }] });
      expect((await it_.client.embeddings.create({ ...asked, input: [5, 6] })).data).toHaveLength(1);
    },
    limit,
  );
});

/** What the answers of the requests below may have; the server itself checks which do. */
type Answer = {
  choices: { text: string; message: { content: string } }[];
  results: { index: number; relevance_score: number; document?: { text: string } }[];
  usage: { prompt_tokens: number };
  count: number;
  tokens: number[];
  error: { param: string };
};

describe('what other servers of this API have besides', () => {
  const post = async (path: string, body: object) => {
    const response = await it_.request('POST', path, body);
    return { status: response.status, body: (await response.json()) as Answer };
  };

  it(
    'samplers: each changes what is drawn, with the same seed the same each time',
    async () => {
      const asked = { ...greedy, temperature: 1.5, seed: 3, max_tokens: 24 };
      const textOf = async (fields: object): Promise<string> => {
        const { status, body } = await post('/v1/chat/completions', { ...asked, ...fields });
        expect([fields, status]).toEqual([fields, 200]);
        return body.choices[0]!.message.content;
      };
      const plain = await textOf({});
      for (const fields of [
        { mirostat: 1, mirostat_tau: 1 },
        { mirostat: 2, mirostat_tau: 1, mirostat_eta: 0.2 },
        { typical_p: 0.2 },
        { min_p: 0.5 },
        { xtc_probability: 1, xtc_threshold: 0.05 },
      ]) {
        const text = await textOf(fields);
        expect([fields, text]).not.toEqual([fields, plain]);
        expect(await textOf(fields)).toBe(text);
      }
      // Off is as if nothing was said.
      expect(await textOf({ mirostat: 0, mirostat_tau: 1, dry_multiplier: 0, dry_base: 2, xtc_probability: 0 })).toBe(
        plain,
      );
      // Random weights say the same again and again.
      const repeating = { model: 'tiny-raw', prompt: 'one two one two', temperature: 0, max_tokens: 60 };
      const repeated = await post('/v1/completions', repeating);
      for (const fields of [
        { dry_multiplier: 50, dry_allowed_length: 1, dry_sequence_breakers: ['\n'] },
        { no_repeat_ngram_size: 1 },
      ]) {
        const broken = await post('/v1/completions', { ...repeating, ...fields });
        expect([fields, broken.body.choices[0]!.text]).not.toEqual([fields, repeated.body.choices[0]!.text]);
      }
      expect((await post('/v1/completions', { ...repeating, mirostat: 3 })).body.error.param).toBe('mirostat');
    },
    limit,
  );

  it(
    'ranks documents for a query, the nearest first',
    async () => {
      const documents = ['the sun', 'a red fish in the sea', { text: 'one fish' }];
      const asked = { model, query: 'one fish', documents };
      const { body } = await post('/v1/rerank', { ...asked, return_documents: true });
      const scores = body.results.map(({ relevance_score }) => relevance_score);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
      expect(body.results[0]).toMatchObject({ index: 2, document: { text: 'one fish' } });
      expect(body.results[0]!.relevance_score).toBeCloseTo(1, 4);
      expect(body.usage.prompt_tokens).toBeGreaterThan(6);
      const [first] = body.results;
      expect((await post('/v1/rerank', { ...asked, top_n: 1 })).body.results).toEqual([
        { ...first, document: undefined },
      ]);
      expect((await post('/v1/rerank', { ...asked, documents: [] })).body.error.param).toBe('documents');
      // A model with a head for it, which no job could train, is served all the same.
      await writeTinyBert(path.join(it_.server.directory, 'models', 'ranker.gguf'), { pooling: 'rank' });
      await it_.client.models.list();
      const ranked = await post('/v1/rerank', { ...asked, model: 'ranker' });
      expect(ranked.body.results.map(({ index }) => index).toSorted()).toEqual([0, 1, 2]);
      expect(new Set(ranked.body.results.map(({ relevance_score }) => relevance_score)).size).toBe(3);
      expect((await post('/v1/completions', { model: 'ranker', prompt: 'x' })).status).toBe(400);
    },
    limit,
  );

  it(
    'counts the tokens of prompts and conversations as a generation does',
    async () => {
      const tools = [{ type: 'function', function: { name: 'now', parameters: { type: 'object' } } }];
      for (const name of [model, 'tiny-chat']) {
        for (const given of [{ messages }, { messages, tools }]) {
          const counted = await post('/v1/tokenize', { model: name, ...given });
          const made = await post('/v1/chat/completions', { model: name, ...given, max_tokens: 1 });
          expect(counted.body.count).toBe(made.body.usage.prompt_tokens);
          expect(counted.body).toMatchObject({ max_model_len: expect.any(Number), tokens: expect.any(Array) });
        }
      }
      const { body } = await post('/v1/tokenize', { model, prompt: 'Once upon a time' });
      expect(body.tokens).toHaveLength(body.count);
      const again = await it_.client.completions.create({ model, prompt: body.tokens, max_tokens: 1 });
      expect(again.usage!.prompt_tokens).toBe(body.count);
      expect((await post('/v1/tokenize', { model })).status).toBe(400);
      expect((await post('/v1/tokenize', { model: 'none', prompt: 'x' })).status).toBe(404);
    },
    limit,
  );
});
