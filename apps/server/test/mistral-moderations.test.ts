/** Moderation by the model that ships and by others. */
import { type Double, said, startDouble } from '../../../packages/engine/test/remote/double.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moderationResponseSchema } from '../src/apis/mistral/schemas/classifications.ts';
import { categories } from '../src/core/moderation/categories.ts';
import { guardTurns, parseVerdict } from '../src/core/moderation/llama-guard.ts';
import { pieces } from '../src/core/moderation/pieces.ts';
import { eventually } from './support/emissary-objects.ts';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';

const stack = new AsyncDisposableStack();
let guard: Double;
let it_: MistralServer;
beforeAll(async () => {
  guard = stack.use(await startDouble([{ id: 'org/guard', max_model_len: 9000 }]));
  it_ = stack.use(
    await mistralServer({
      ATELIER_REMOTE_ENGINES: JSON.stringify([{ name: 'farm', kind: 'vllm', urls: [guard.url] }]),
      ATELIER_MODEL_ALIASES: 'mistral-moderation-2411=farm/org/guard',
    }),
  );
}, 120_000);
afterAll(() => stack.disposeAsync());

const moderator = 'mistral-moderation-latest';
/** What anybody would say of these, and the model that ships does. */
const harmless = 'What is the capital of France?';
const threat = 'I will kill you if you come back.';
const advice = 'I have a fever, what should I take?';

async function moderate(url: string, body: object) {
  const answer = await it_.post(url, body);
  expect(answer.status).toBe(200);
  return moderationResponseSchema.parse(answer.body).results;
}
const namesIn = (result: { categories: Record<string, boolean> }): string[] =>
  Object.keys(result.categories).filter((name) => result.categories[name]);

describe('moderation', () => {
  it('scores each text in the nine categories, for both clients', async () => {
    for (const client of [it_.client, it_.clientTwo]) {
      const { id, model, results } = await client.classifiers.moderate({
        model: moderator,
        inputs: [harmless, threat, advice],
      });
      expect([id, model]).toEqual([expect.stringMatching(/^mod-[0-9a-f]{32}$/), moderator]);
      expect(results.map(({ categories: said }) => Object.keys(said!))).toEqual([categories, categories, categories]);
      expect(results.map(({ categories: said }) => namesIn({ categories: said! }))).toEqual([
        [],
        ['violence_and_threats'],
        ['health'],
      ]);
      for (const { categories: said, categoryScores } of results)
        for (const category of categories) expect(said![category]).toBe(categoryScores![category]! >= 0.5);
    }
  }, 60_000);

  it('answers one text with one result, and needs no model', async () => {
    expect((await moderate('/v1/moderations', { input: threat })).map(namesIn)).toEqual([['violence_and_threats']]);
    expect((await moderate('/mistral/v1/moderations', { input: [harmless], model: null })).map(namesIn)).toEqual([[]]);
  }, 60_000);

  it('finds nothing in a text without words', async () => {
    const [blank, said] = await moderate('/v1/moderations', { input: [' ', threat] });
    expect(Object.values(blank!.category_scores)).toEqual(categories.map(() => 0));
    expect(namesIn(said!)).toEqual(['violence_and_threats']);
  }, 60_000);

  it('finds what is hidden in a long text', async () => {
    const long = `${`${harmless} `.repeat(60)}${threat} ${`${harmless} `.repeat(60)}`;
    expect((await moderate('/v1/moderations', { input: long })).flatMap(namesIn)).toContain('violence_and_threats');
  }, 60_000);

  it('judges the last turn of a conversation', async () => {
    const asked = [
      { role: 'user' as const, content: threat },
      { role: 'assistant' as const, content: 'I cannot help with that.' },
    ];
    const threatened = [{ role: 'user' as const, content: [{ type: 'text' as const, text: threat }] }];
    expect((await moderate('/v1/chat/moderations', { input: threatened, model: moderator })).map(namesIn)).toEqual([
      ['violence_and_threats'],
    ]);
    for (const client of [it_.client, it_.clientTwo]) {
      const { results } = await client.classifiers.moderateChat({ model: moderator, inputs: [asked, threatened] });
      expect(results.map(({ categories: said }) => namesIn({ categories: said! }))).toEqual([
        [],
        ['violence_and_threats'],
      ]);
    }
  }, 60_000);

  it('refuses what it cannot judge', async () => {
    const refused = async (url: string, body: object) => {
      const answer = await it_.post(url, body);
      return [answer.status, (answer.body as { type: string }).type];
    };
    expect(await refused('/v1/moderations', { input: [] })).toEqual([422, 'invalid_request_error']);
    expect(await refused('/v1/moderations', { input: 'x', model: 'nothing' })).toEqual([400, 'invalid_model']);
    expect(await refused('/v1/moderations', { input: 'x', model: 'tiny-chat' })).toEqual([400, 'invalid_request']);
    expect(await refused('/v1/moderations', { input: 'x', surprise: 1 })).toEqual([422, 'invalid_request_error']);
    expect(await refused('/v1/chat/moderations', { input: [] })).toEqual([422, 'invalid_request_error']);
    const picture = { role: 'user', content: [{ type: 'image_url', image_url: 'https://example.com/a.png' }] };
    expect(await refused('/v1/chat/moderations', { input: [picture] })).toEqual([400, 'invalid_request']);
  }, 60_000);
});

describe('moderation by another model', () => {
  it('is a Llama Guard on another server, under an alias', async () => {
    guard.answers = [said('\n\nunsafe\nS1,S6'), said('safe')];
    const { model, results } = await it_.client.classifiers.moderate({
      model: 'mistral-moderation-2411',
      inputs: [threat, harmless],
    });
    expect(model).toBe('mistral-moderation-2411');
    expect(results.map(({ categories: said }) => namesIn({ categories: said! }))).toEqual([
      ['violence_and_threats', 'health', 'financial', 'law'],
      [],
    ]);
    expect(results[0]!.categoryScores).toMatchObject({ violence_and_threats: 1, pii: 0 });
    expect(guard.asked.map(({ body }) => body)).toMatchObject([
      { model: 'org/guard', temperature: 0, messages: [{ role: 'user', content: threat }] },
      { messages: [{ role: 'user', content: harmless }] },
    ]);
  }, 60_000);

  it('shows a Llama Guard conversations as its templates take them', async () => {
    guard.answers = [said('safe')];
    const call = { id: 'abcdefghi', function: { name: 'send', arguments: '{"text":"x"}' } };
    await moderate('/v1/chat/moderations', {
      model: 'farm/org/guard',
      input: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: harmless },
        { role: 'assistant', content: 'Paris.', tool_calls: [call] },
      ],
    });
    expect(guard.asked.at(-1)!.body).toMatchObject({
      messages: [
        { role: 'user', content: harmless },
        { role: 'assistant', content: 'Paris.\n{"text":"x"}' },
      ],
    });
  }, 60_000);

  it('is an error when that answers anything else, or its server fails', async () => {
    const asked = async () => {
      const { status, body } = await it_.post('/v1/moderations', { model: 'farm/org/guard', input: 'x' });
      return [status, (body as { message: string }).message];
    };
    guard.answers = [said('I cannot judge that.')];
    expect(await asked()).toEqual([400, expect.stringMatching(/farm\/org\/guard does not moderate/)]);
    guard.answers = [(response) => void response.writeHead(500).end()];
    expect(await asked()).toEqual([502, expect.stringContaining('farm')]);
  }, 60_000);

  it('is a classifier that was fine-tuned here, whose labels are categories', async () => {
    const rows = Array.from({ length: 12 }, (_, n) => [
      { text: `the sun ${n}`, labels: { category: ['health'] } },
      { text: `good moon ${n}`, labels: { category: ['night'] } },
    ]).flat();
    const { id } = await it_.client.files.upload({
      file: { fileName: 'labels.jsonl', content: new Blob([rows.map((row) => JSON.stringify(row)).join('\n')]) },
      purpose: 'fine-tune',
    });
    const made = await it_.client.fineTuning.jobs.create({
      model: 'tiny-chat',
      jobType: 'classifier',
      trainingFiles: [{ fileId: id }],
      autoStart: true,
      hyperparameters: { epochs: 6, learningRate: 0.01 },
    });
    const { fineTunedModel: model } = await eventually(
      () => it_.client.fineTuning.jobs.get({ jobId: (made as { id: string }).id }),
      ({ status }) => /SUCCESS|FAILED/.test(status),
      150_000,
    );
    const results = await moderate('/v1/moderations', { model, input: ['the sun 77', 'good moon 78'] });
    expect(results.map(namesIn)).toEqual([['health'], []]);
    expect(results[0]!.category_scores).toMatchObject({ pii: 0, selfharm: 0 });
  }, 180_000);
});

it('batches answer each line as both operations do', async () => {
  const cases = [
    { endpoint: '/v1/moderations', input: threat },
    { endpoint: '/v1/chat/moderations', input: [[{ role: 'user', content: threat }]] },
  ] as const;
  for (const { endpoint, input } of cases) {
    const file = await it_.client.files.upload({
      file: {
        fileName: 'batch.jsonl',
        content: new Blob([`{"custom_id":"a","body":${JSON.stringify({ input })}}\n{"custom_id":"b","body":{}}`]),
      },
      purpose: 'batch',
    });
    const made = await it_.post('/v1/batch/jobs', { input_files: [file.id], endpoint, model: moderator });
    expect(made.status).toBe(200);
    const job = await eventually(
      () => it_.client.batch.jobs.get({ jobId: (made.body as { id: string }).id }),
      ({ completedAt }) => typeof completedAt === 'number',
      60_000,
    );
    expect(job).toMatchObject({ succeededRequests: 1, failedRequests: 1 });
    const output = await new Response(await it_.client.files.download({ fileId: job.outputFile! })).text();
    const line = output
      .trimEnd()
      .split('\n')
      .map((each) => JSON.parse(each))
      .find(({ custom_id: id }) => id === 'a');
    expect(line.response).toMatchObject({ status_code: 200, body: { model: moderator } });
    expect(moderationResponseSchema.parse(line.response.body).results.map(namesIn)).toEqual([['violence_and_threats']]);
  }
}, 120_000);

describe('turns for a Llama Guard', () => {
  it('begin with a user and alternate', () => {
    expect(
      guardTurns([
        { role: 'system', content: 'x' },
        { role: 'assistant', content: 'a' },
        { role: 'user', content: 'b' },
        { role: 'tool', content: 'c' },
      ]),
    ).toEqual([
      { role: 'user', content: '' },
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'b\nc' },
    ]);
    expect(guardTurns([{ role: 'system', content: 'x' }])).toEqual([{ role: 'user', content: 'x' }]);
  });
});

describe('the answer of a Llama Guard', () => {
  it('is read by its hazards', () => {
    const seen = (text: string) => {
      const scores = parseVerdict(text);
      return scores && categories.filter((category) => scores[category] === 1);
    };
    expect(seen('\n\nsafe')).toEqual([]);
    expect(seen('unsafe\nS1')).toEqual(['violence_and_threats']);
    expect(seen('unsafe\nS10,S11')).toEqual(['hate_and_discrimination', 'selfharm']);
    expect(seen('unsafe\nS6, S7\n')).toEqual(['health', 'financial', 'law', 'pii']);
    expect(seen('unsafe\nS13')).toEqual([]);
  });

  it.each(['', 'yes', 'unsafe', 'unsafe\nS99', 'unsafe\nviolence', 'safety first'])('is none: %j', (text) => {
    expect(parseVerdict(text)).toBeUndefined();
  });
});

describe('a text in pieces', () => {
  it('stays whole when it is short, and loses nothing when it is long', () => {
    expect(pieces(' \n')).toEqual([]);
    expect(pieces('x'.repeat(160))).toEqual(['x'.repeat(160)]);
    expect(pieces('It is 3.5 m.  Is it?\nYes')).toEqual(['It is 3.5 m.', 'Is it?', 'Yes']);
    const words = Array.from({ length: 500 }, (_, n) => `word${n}`);
    for (const text of [words.join(' '), words.join(''), `${words.slice(0, 90).join(' ')} ${words.join('-')}`]) {
      const cut = pieces(text);
      expect(Math.max(...cut.map(({ length }) => length))).toBeLessThanOrEqual(160);
      let from = 0;
      for (const piece of cut) {
        const at = text.indexOf(piece, Math.max(0, from - 120));
        expect(at).toBeLessThanOrEqual(from);
        from = Math.max(from, at + piece.length);
      }
      expect(from).toBe(text.length);
    }
  });
});
