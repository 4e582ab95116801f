import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createRemoteEngine } from '../../src/index.ts';
import { type Asked, type Double, json, said, startDouble } from './double.ts';
import { silent, one, two, engine, chat, ask, eventsOf } from './engine-over-doubles.ts';

describe('requests', { timeout: 60_000 }, () => {
  it('go to the replica with the fewest', async () => {
    const waiting: (() => void)[] = [];
    for (const double of [one, two])
      double.answers = [
        (response, asked) =>
          new Promise((resolve) => waiting.push(() => resolve(said('x')(response, asked) as undefined))),
      ];
    const all = Array.from({ length: 6 }, () => eventsOf(ask('pair')));
    while (waiting.length < 6) await new Promise((resolve) => setTimeout(resolve, 5));
    expect([one.asked.length, two.asked.length]).toEqual([3, 3]);
    for (const answer of waiting) answer();
    await Promise.all(all);
  });

  it('for vectors, rankings and token counts are answered too', async () => {
    one.routes['/v1/embeddings'] = (response, { body }) =>
      json(response, 200, {
        data: (body['input'] as string[]).map((_, index) => ({ index, embedding: [3, 4] })).toReversed(),
        usage: { prompt_tokens: 6 },
      });
    one.routes['/v1/rerank'] = (response) =>
      json(response, 200, {
        results: [
          { index: 1, relevance_score: 0.9 },
          { index: 0, relevance_score: 0.1 },
        ],
        usage: { total_tokens: 9 },
      });
    one.routes['/tokenize'] = (response) => json(response, 200, { count: 2, tokens: [4, 5] });
    const common = { model: { remote: 'vllm', model: 'm' }, owner: 'test' };
    const inputs = Array.from({ length: 130 }, () => ({ kind: 'text' as const, text: 'x' }));
    const { vectors, usage: read } = await engine.embed({ ...common, inputs });
    expect(vectors).toHaveLength(130);
    expect([...vectors[0]!].map((x) => Math.round(x * 10))).toEqual([6, 8]);
    expect(read.promptTokens).toBe(12);
    expect(await engine.rerank({ ...common, query: 'q', documents: ['a', 'b'] })).toEqual({
      by: 'reranker',
      scores: [0.1, 0.9],
      usage: { promptTokens: 9 },
    });
    const { model } = common;
    expect(await engine.tokenize({ owner: 'test', model, input: chat, tokens: true })).toEqual({
      count: 2,
      tokens: [4, 5],
    });
    await expect(engine.embed({ ...common, inputs, pooling: 'cls' })).rejects.toThrow(/pooling/);
  });
});

describe("vLLM's adapters", { timeout: 60_000 }, () => {
  it('are loaded into every replica, served by name, loaded again after a restart, and unloaded', async () => {
    const loaded = (double: Double): Set<string> => {
      const names = new Set<string>();
      double.routes['/v1/load_lora_adapter'] = (response, { body }) => {
        const name = String(body['lora_name']);
        if (names.has(name))
          return json(response, 400, { message: `The lora adapter '${name}' has already been loaded.` });
        names.add(name);
        response.end('Success');
      };
      double.routes['/v1/unload_lora_adapter'] = (response, { body }) => {
        names.delete(String(body['lora_name']));
        response.end('Success');
      };
      return names;
    };
    await using first = await startDouble();
    await using second = await startDouble();
    const [inFirst, inSecond] = [loaded(first), loaded(second)];
    await using engine = createRemoteEngine({
      logger: silent,
      backoffMs: 5,
      lookMs: 20,
      services: [{ name: 'v', kind: 'vllm', urls: [first.url, second.url] }],
    });
    const model = { remote: 'v', model: 'm', adapter: { name: 'support', path: '/adapters/support' } };
    for (let twice = 0; twice < 2; twice++) expect(await engine.load(model)).toMatchObject({ architecture: 'vllm' });
    expect([...inFirst, ...inSecond]).toEqual(['support', 'support']);
    expect(first.asked[0]!.body).toEqual({ lora_name: 'support', lora_path: '/adapters/support' });
    first.answers = [said('x')];
    second.answers = [said('x')];
    await eventsOf(engine.generate({ model, owner: 'test', input: chat }));
    expect([...first.asked, ...second.asked].map(({ body }) => body['model'])).toContain('support');

    // A restart: not healthy for a while, and then without adapters.
    first.healthy = false;
    inFirst.clear();
    first.asked = [];
    while (inFirst.size === 0) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      first.healthy = true;
      if (inFirst.size === 0) await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await engine.unload(model);
    expect([...inFirst, ...inSecond]).toEqual([]);
  });

  it('are loaded where a replica is there, and later into one that was away; one that cannot be loaded stops nothing', async () => {
    const away = await startDouble();
    const port = Number(new URL(away.url).port);
    await away[Symbol.asyncDispose]();
    await using here = await startDouble();
    here.answers = [said('here')];
    const load = (response: ServerResponse, { body }: Asked) =>
      body['lora_name'] === 'broken'
        ? json(response, 400, { message: 'No adapter found for /broken' })
        : void response.end('Success');
    here.routes['/v1/load_lora_adapter'] = load;
    await using engine = createRemoteEngine({
      logger: silent,
      backoffMs: 5,
      lookMs: 20,
      services: [{ name: 'v', kind: 'vllm', urls: [here.url, away.url] }],
    });
    const ref = (name: string) => ({ remote: 'v', model: 'm', adapter: { name, path: `/${name}` } });
    await engine.load(ref('support'));
    await expect(engine.load(ref('broken'))).rejects.toThrow(/No adapter found/);
    await using back = await startDouble([{ id: 'm' }], port);
    back.routes['/v1/load_lora_adapter'] = load;
    const told = () => back.asked.map(({ body }) => body['lora_name']);
    while (!told().includes('support') || !told().includes('broken'))
      await new Promise((resolve) => setTimeout(resolve, 20));
    back.answers = [said('back')];
    const request = { model: ref('support'), owner: 'test', input: chat };
    const texts = new Set<string>();
    while (texts.size < 2)
      texts.add(
        (await eventsOf(engine.generate(request))).map((event) => ('text' in event ? event.text : '')).join(''),
      );
    expect([...texts].sort()).toEqual(['back', 'here']);
    await back[Symbol.asyncDispose]();
    await here[Symbol.asyncDispose]();
    await expect(engine.load(ref('support'))).rejects.toMatchObject({ code: 'remote_unavailable' });
  });
});
