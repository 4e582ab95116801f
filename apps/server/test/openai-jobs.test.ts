import OpenAI, { toFile } from 'openai';
import { describe, expect, it, vi } from 'vitest';
import { eventually } from './support/emissary-objects.ts';
import { stranger } from './support/emissary-server.ts';
import { useOpenaiServer } from './support/openai-server.ts';

/** Trainers and runners are processes: on a busy machine each takes seconds to start. */
vi.setConfig({ testTimeout: 180_000 });

const it_ = useOpenaiServer();

let uploads = 0;
const upload = async (rows: readonly (object | string)[], purpose: OpenAI.FilePurpose) => {
  const text = rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('');
  return (await it_.client.files.create({ file: await toFile(Buffer.from(text), `rows-${uploads++}.jsonl`), purpose }))
    .id;
};

describe('a batch', () => {
  const endpoint = '/v1/chat/completions' as const;
  const line = (id: number, given: object = {}) => ({
    custom_id: `line-${id}`,
    method: 'POST',
    url: endpoint,
    body: {
      model: 'tiny-chat',
      messages: [{ role: 'user', content: `Question ${id}` }],
      max_tokens: 2,
      temperature: 0,
    },
    ...given,
  });
  const ended = (id: string) =>
    eventually(
      () => it_.client.batches.retrieve(id),
      ({ status }) => ['completed', 'failed', 'expired', 'cancelled'].includes(status),
      120_000,
    );
  type AnswerLine = { custom_id: string | null; response: { status_code: number; body: object }; error: null };
  const linesOf = async (file: string) =>
    (await (await it_.client.files.content(file)).text())
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as AnswerLine);

  it('answers each line in order; lines that go wrong stand in a file of their own', async () => {
    const input_file_id = await upload(
      [
        line(0),
        line(1, { url: '/v1/embeddings' }),
        'no JSON',
        line(3, { body: { model: 'none', messages: [] } }),
        line(4),
      ],
      'batch',
    );
    const made = await it_.client.batches.create({
      input_file_id,
      endpoint,
      completion_window: '24h',
      metadata: { team: 'red' },
    });
    expect(made).toMatchObject({
      object: 'batch',
      id: expect.stringMatching(/^batch_[0-9a-f]{32}$/),
      endpoint,
      input_file_id,
      status: 'validating',
      metadata: { team: 'red' },
      request_counts: { total: 0, completed: 0, failed: 0 },
    });
    const done = await ended(made.id);
    expect(done).toMatchObject({ status: 'completed', request_counts: { total: 5, completed: 2, failed: 3 } });
    expect(done.completed_at).toBeGreaterThanOrEqual(done.in_progress_at!);
    const answers = await linesOf(done.output_file_id!);
    expect(answers.map(({ custom_id }) => custom_id)).toEqual(['line-0', 'line-4']);
    expect(answers[0]).toMatchObject({
      id: expect.stringMatching(/^batch_req_/),
      response: { status_code: 200, request_id: expect.any(String), body: { object: 'chat.completion' } },
      error: null,
    });
    const failures = await linesOf(done.error_file_id!);
    expect(failures.map(({ custom_id, response }) => [custom_id, response.status_code])).toEqual([
      [null, 400],
      [null, 400],
      ['line-3', 400],
    ]);
    expect(failures[0]!.response.body).toMatchObject({ error: { message: expect.stringContaining(endpoint) } });
    expect(await it_.client.files.retrieve(done.output_file_id!)).toMatchObject({ purpose: 'batch_output' });
    await expect(it_.client.batches.cancel(made.id)).rejects.toMatchObject({ status: 400, code: 'conflict' });
  });

  it('is listed in pages, and cancelled; those of others are not there', async () => {
    const input_file_id = await upload([line(0)], 'batch');
    const ids: string[] = [];
    for (let i = 0; i < 3; i++)
      ids.push((await it_.client.batches.create({ input_file_id, endpoint, completion_window: '24h' })).id);
    const listed: string[] = [];
    for await (const { id } of it_.client.batches.list({ limit: 2 })) listed.push(id);
    expect(listed.slice(0, 3)).toEqual(ids.toReversed());
    const many = await upload(
      Array.from({ length: 500 }, (_, id) => line(id)),
      'batch',
    );
    const long = await it_.client.batches.create({ input_file_id: many, endpoint, completion_window: '24h' });
    expect((await it_.client.batches.cancel(long.id)).status).toMatch(/^cancell(ing|ed)$/);
    expect(await ended(long.id)).toMatchObject({ status: 'cancelled', cancelled_at: expect.any(Number) });
    await expect(it_.clientOf(stranger.key).batches.retrieve(long.id)).rejects.toMatchObject({ status: 404 });
    const other = await upload([{ prompt: 'a', completion: 'b' }], 'fine-tune');
    await expect(
      it_.client.batches.create({ input_file_id: other, endpoint, completion_window: '24h' }),
    ).rejects.toMatchObject({ status: 400 });
    await Promise.all(ids.map(ended));
  });
});

describe('a fine-tuning job', () => {
  const conversations = Array.from({ length: 12 }, (_, n) => ({
    messages: [
      { role: 'user', content: `Item ${n}?` },
      { role: 'assistant', content: 'It is red.' },
    ],
  }));
  const over = (id: string) =>
    eventually(
      () => it_.client.fineTuning.jobs.retrieve(id),
      ({ status }) => ['succeeded', 'failed', 'cancelled'].includes(status),
      170_000,
    );

  it('makes a model that answers under its name, seen through every API', async () => {
    const training_file = await upload(conversations, 'fine-tune');
    const validation_file = await upload(conversations.slice(0, 3), 'fine-tune');
    const made = await it_.client.fineTuning.jobs.create({
      model: 'tiny-chat',
      training_file,
      validation_file,
      suffix: 'red',
      seed: 7,
      metadata: { team: 'red' },
      method: {
        type: 'supervised',
        supervised: { hyperparameters: { n_epochs: 2, batch_size: 2, learning_rate_multiplier: 50 } },
      },
    });
    const hyperparameters = { n_epochs: 2, batch_size: 2, learning_rate_multiplier: 50 };
    expect(made).toMatchObject({
      object: 'fine_tuning.job',
      id: expect.stringMatching(/^ftjob-[0-9a-f]{32}$/),
      model: 'tiny-chat',
      training_file,
      validation_file,
      seed: 7,
      metadata: { team: 'red' },
      fine_tuned_model: null,
      error: null,
      method: { type: 'supervised', supervised: { hyperparameters } },
      hyperparameters,
    });
    const done = await over(made.id);
    expect(done.error).toBeNull();
    expect(done.trained_tokens).toBeGreaterThan(0);
    expect(done).toMatchObject({ status: 'succeeded', fine_tuned_model: expect.stringMatching(/^ft:tiny-chat:red:/) });
    const model = done.fine_tuned_model!;
    const { data: checkpoints } = await it_.client.fineTuning.jobs.checkpoints.list(made.id);
    expect(checkpoints).toHaveLength(2);
    expect(checkpoints[0]).toMatchObject({
      fine_tuning_job_id: made.id,
      fine_tuned_model_checkpoint: `${model}:ckpt-step-${checkpoints[0]!.step_number}`,
      metrics: { train_loss: expect.any(Number), full_valid_loss: expect.any(Number) },
    });
    const ask = (name: string) =>
      it_.client.chat.completions.create({
        model: name,
        temperature: 0,
        max_tokens: 8,
        messages: [{ role: 'user', content: 'Item 1?' }],
      });
    expect((await ask(checkpoints[0]!.fine_tuned_model_checkpoint)).choices).toEqual((await ask(model)).choices);
    expect((await ask(checkpoints[1]!.fine_tuned_model_checkpoint)).choices).toHaveLength(1);

    const events: OpenAI.FineTuning.FineTuningJobEvent[] = [];
    for await (const event of it_.client.fineTuning.jobs.listEvents(made.id, { limit: 5 })) events.push(event);
    expect(events[0]!.message).toBe('The job has successfully completed');
    expect(events.filter(({ type }) => type === 'metrics').length).toBe(checkpoints[0]!.step_number);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    const times = events.map(({ created_at }) => created_at);
    expect(times).toEqual(times.toSorted((a, b) => b - a));

    const asMistral = { headers: { authorization: `Bearer ${it_.server.adminKey}` } };
    const card = await fetch(`${it_.server.url}/mistral/v1/models/${encodeURIComponent(model)}`, asMistral);
    expect(await card.json()).toMatchObject({ id: model, type: 'fine-tuned', root: 'tiny-chat' });
    const [project] = (await it_.server.call('GET', '/emissary/v1/projects')).json<{ id: string }[]>();
    const jobs = await it_.server.call('GET', `/emissary/v1/projects/${project!.id}/training-jobs`);
    expect(jobs.json()).toMatchObject([{ base_model: 'tiny-chat', status: 'Success' }]);
    const listed = await it_.client.fineTuning.jobs.list({ metadata: { team: 'red' } });
    expect(listed.data.map(({ id }) => id)).toEqual([made.id]);
    expect((await it_.client.fineTuning.jobs.list({ metadata: { team: 'blue' } })).data).toEqual([]);
    await expect(it_.client.fineTuning.jobs.cancel(made.id)).rejects.toMatchObject({ status: 400, code: 'conflict' });
    await expect(it_.clientOf(stranger.key).fineTuning.jobs.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
  });

  it('of preferences pauses, resumes and is cancelled', async () => {
    const rows = conversations.map(({ messages: [user, answer] }) => ({
      input: { messages: [user], tools: [], parallel_tool_calls: true },
      preferred_output: [answer],
      non_preferred_output: [{ role: 'assistant', content: 'Who knows.' }],
    }));
    const made = await it_.client.fineTuning.jobs.create({
      model: 'tiny-chat',
      training_file: await upload(rows, 'fine-tune'),
      method: { type: 'dpo', dpo: { hyperparameters: { n_epochs: 50, beta: 0.2 } } },
    });
    expect(made).toMatchObject({
      method: {
        type: 'dpo',
        dpo: { hyperparameters: { n_epochs: 50, batch_size: 1, learning_rate_multiplier: 1, beta: 0.2 } },
      },
    });
    expect(await it_.client.fineTuning.jobs.pause(made.id)).toMatchObject({ status: 'paused' });
    expect((await it_.client.fineTuning.jobs.resume(made.id)).status).not.toBe('paused');
    await it_.client.fineTuning.jobs.pause(made.id);
    expect((await it_.client.fineTuning.jobs.cancel(made.id)).status).toBe('cancelled');
    const done = await eventually(
      () => it_.client.fineTuning.jobs.retrieve(made.id),
      ({ finished_at }) => finished_at !== null,
      120_000,
    );
    expect(done).toMatchObject({ status: 'cancelled', fine_tuned_model: null });
  });

  it('is refused with the field that is wrong', async () => {
    const training_file = await upload(conversations, 'fine-tune');
    const refused = async (given: object) => {
      const response = await it_.request('POST', '/v1/fine_tuning/jobs', {
        model: 'tiny-chat',
        training_file,
        ...given,
      });
      expect(response.status).toBeGreaterThanOrEqual(400);
      return ((await response.json()) as { error: { param: string | null; message: string } }).error;
    };
    expect(await refused({ model: 'none' })).toMatchObject({ code: 'model_not_found', param: 'model' });
    expect(await refused({ training_file: 'file-x' })).toMatchObject({
      message: expect.stringMatching(/^training_file/),
    });
    expect(await refused({ method: { type: 'reinforcement' } })).toMatchObject({
      param: expect.stringMatching(/^method/),
    });
    expect(await refused({ hyperparameters: { n_epochs: 0 } })).toMatchObject({
      param: expect.stringMatching(/^hyperparameters/),
    });
    expect(await refused({ integrations: [{ type: 'wandb' }] })).toMatchObject({
      param: expect.stringMatching(/^integrations/),
    });
  });
});
