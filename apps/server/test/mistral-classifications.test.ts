/** Classification by a model that was fine-tuned for it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { classificationResponseSchema } from '../src/apis/mistral/schemas/classifications.ts';
import { eventually } from './support/emissary-objects.ts';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';
import { uploadForm } from './support/upload.ts';

let it_: MistralServer;
beforeAll(async () => {
  it_ = await mistralServer();
}, 120_000);
afterAll(() => it_[Symbol.asyncDispose]());

/** Trains through the other API, whose models answer here too. */
async function classifier(): Promise<string> {
  const { server } = it_;
  const at = `/emissary/v1/projects/${(await server.call('POST', '/emissary/v1/projects', {})).json().id}`;
  const rows = Array.from({ length: 12 }, (_, n) => [
    { prompt: `the sun ${n}`, completion: 1 },
    { prompt: `good moon ${n}`, completion: 0 },
  ]).flat();
  const { payload, headers } = uploadForm(rows.map((row) => JSON.stringify(row)).join('\n'), 'rows.jsonl');
  const made = await server.inject({
    method: 'POST',
    url: `${at}/datasets`,
    headers: { ...headers, 'x-api-key': server.adminKey },
    payload: await payload,
  });
  const { id } = (
    await server.call('POST', `${at}/training-jobs`, {
      base_model: 'tiny-chat',
      train_dataset_id: made.json().id,
      task_type: 'classification',
      parameters: { num_train_epochs: 3, per_device_train_batch_size: 4, learning_rate: 0.01, lora_rank: 4 },
    })
  ).json();
  const job = await eventually(
    async () => (await server.call('GET', `${at}/training-jobs/${id}`)).json(),
    ({ status }) => !['Pending', 'Running', 'Testing'].includes(status),
    150_000,
  );
  expect(job.status, job.error).toBe('Success');
  const { data } = await it_.client.models.list();
  return data!.find((each) => 'job' in each && each.capabilities.classification === true)!.id;
}

it('classifies texts and conversations, for both clients; refuses models that were not trained for it', async () => {
  const model = await classifier();
  const texts = ['the sun 77', 'good moon 78'];
  for (const client of [it_.client, it_.clientTwo]) {
    const { id, model: answered, results } = await client.classifiers.classify({ model, inputs: texts });
    expect([id, answered]).toEqual([expect.stringMatching(/^mod-[0-9a-f]{32}$/), model]);
    const scores = results.map((result) => result['label']!.scores);
    expect(scores.map((each) => each['0']! + each['1']!)).toEqual([expect.closeTo(1, 5), expect.closeTo(1, 5)]);
    expect([scores[0]!['1']! > 0.5, scores[1]!['1']! > 0.5]).toEqual([true, false]);
  }
  const chat = { messages: [{ role: 'user' as const, content: texts[0]! }] };
  expect((await it_.client.classifiers.classifyChat({ model, inputs: chat })).results).toHaveLength(1);
  expect((await it_.clientTwo.classifiers.classifyChat({ model, input: [chat, chat] })).results).toHaveLength(2);
  const single = await it_.post('/mistral/v1/classifications', { model, input: texts[0] });
  expect(classificationResponseSchema.parse(single.body).results).toHaveLength(1);

  const refused = async (url: string, body: object) => {
    const { status, body: error } = await it_.post(url, body);
    return [status, (error as { type: string }).type];
  };
  const base = await it_.post('/v1/classifications', { model: 'tiny-chat', input: 'x' });
  expect([base.status, base.body]).toMatchObject([400, { message: expect.stringContaining('does not classify') }]);
  const moderated = await it_.post('/v1/moderations', { model, input: 'x' });
  expect([moderated.status, moderated.body]).toMatchObject([
    400,
    { message: expect.stringContaining('none of its labels is a category') },
  ]);
  expect(await refused('/v1/classifications', { model: 'nothing', input: 'x' })).toEqual([400, 'invalid_model']);
  expect(await refused('/v1/classifications', { input: 'x' })).toEqual([422, 'invalid_request_error']);
  expect(await refused('/v1/classifications', { model, input: [] })).toEqual([422, 'invalid_request_error']);
  expect(await refused('/v1/chat/classifications', { model, input: [] })).toEqual([422, 'invalid_request_error']);
  expect(await refused('/v1/chat/classifications', { model, input: 'x' })).toEqual([422, 'invalid_request_error']);
}, 180_000);
