/** Fine-tuning with the real tuner: jobs made here and through Emissary, seen and asked from both sides. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { jobDetailSchema } from '../src/apis/mistral/schemas/fine-tuning.ts';
import { fineTunedModelSchema } from '../src/apis/mistral/schemas/models.ts';
import { eventually, uploadRows } from './support/emissary-objects.ts';
import { type MistralServer, mistralServer } from './support/mistral-server.ts';

vi.setConfig({ testTimeout: 180_000 });

let mistral: MistralServer;
beforeAll(async () => {
  mistral = await mistralServer();
}, 120_000);
afterAll(() => mistral[Symbol.asyncDispose]());

const conversation = (n: number) => ({
  messages: [
    { role: 'user', content: `Item ${n}?` },
    { role: 'assistant', content: 'It is red.' },
  ],
});
const lines = (rows: readonly unknown[]) => `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`;
const conversations = (count: number, from = 0) =>
  lines(Array.from({ length: count }, (_, n) => conversation(n + from)));

async function upload(fileName: string, text: string): Promise<string> {
  const file = { fileName, content: new Blob([text]) };
  return (await mistral.client.files.upload({ file, purpose: 'fine-tune' })).id;
}

type Detail = ReturnType<typeof jobDetailSchema.parse>;
async function read(id: string): Promise<Detail> {
  const response = await fetch(`${mistral.server.url}/mistral/v1/fine_tuning/jobs/${id}`, {
    headers: { authorization: `Bearer ${mistral.server.adminKey}` },
  });
  return jobDetailSchema.parse(await response.json());
}
const reaches = (id: string, ...statuses: Detail['status'][]) =>
  eventually(
    () => read(id),
    ({ status }) => statuses.includes(status) || ['SUCCESS', 'FAILED', 'FAILED_VALIDATION'].includes(status),
    150_000,
  );

describe('a completion job', () => {
  it('waits to be started, learns, and its model answers here and through Emissary', async () => {
    const { client } = mistral;
    const [train, more, held] = await Promise.all([
      upload('train.jsonl', conversations(12)),
      upload('more.jsonl', conversations(6, 50)),
      upload('held.jsonl', conversations(3, 100)),
    ]);
    const made = await client.fineTuning.jobs.create({
      model: 'tiny-chat',
      trainingFiles: [{ fileId: train }, { fileId: more, weight: 3 }],
      validationFiles: [held],
      suffix: 'desk',
      autoStart: false,
      hyperparameters: { trainingSteps: 22, learningRate: 0.01 },
    });
    expect(made).toMatchObject({ jobType: 'completion', autoStart: false, model: 'tiny-chat', suffix: 'desk' });
    const id = (made as { id: string }).id;

    const waiting = await reaches(id, 'VALIDATED');
    expect(waiting).toMatchObject({
      status: 'VALIDATED',
      training_files: [train, more],
      validation_files: [held],
      fine_tuned_model: null,
      trained_tokens: null,
      metadata: { cost: null, train_tokens_per_step: expect.any(Number), data_tokens: expect.any(Number) },
    });
    expect(waiting.events.map(({ data }) => data!['status'])).toEqual(['VALIDATED', 'VALIDATING', 'QUEUED']);
    expect(await client.fineTuning.jobs.start({ jobId: id })).toMatchObject({ jobType: 'completion' });
    await expect(client.fineTuning.jobs.start({ jobId: id })).rejects.toMatchObject({ statusCode: 409 });

    const done = await reaches(id, 'SUCCESS');
    expect(done.status).toBe('SUCCESS');
    expect(done.events.map(({ data }) => data!['status'])).toEqual([
      'SUCCESS',
      'RUNNING',
      'VALIDATED',
      'VALIDATING',
      'QUEUED',
    ]);
    expect(done.checkpoints.map(({ step_number }) => step_number)).toEqual([10, 20, 22]);
    for (const { metrics } of done.checkpoints)
      expect(metrics).toEqual({
        train_loss: expect.any(Number),
        valid_loss: expect.any(Number),
        valid_mean_token_accuracy: expect.any(Number),
      });
    expect(done.trained_tokens).toBeGreaterThan(100);
    const model = done.fine_tuned_model!;
    expect(model).toMatch(new RegExp(`^ft:tiny-chat:desk:\\d{8}:${id.slice(0, 8)}$`));
    const answer = await client.chat.complete({
      model,
      messages: [{ role: 'user', content: 'Item 1?' }],
      maxTokens: 4,
    });
    expect(answer.model).toBe(model);
    expect((await mistral.clientTwo.models.retrieve({ modelId: model })) as object).toMatchObject({
      root: 'tiny-chat',
    });

    const { server } = mistral;
    const projects: { id: string; name?: string }[] = (await server.call('GET', '/emissary/v1/projects')).json();
    const at = `/emissary/v1/projects/${projects.find(({ name }) => name === 'Default')!.id}`;
    const jobs: { id: string; status: string }[] = (await server.call('GET', `${at}/training-jobs`)).json();
    const job = jobs.find(({ status }) => status === 'Success')!;
    expect((await server.call('GET', `${at}/training-jobs/${job.id}`)).json()).toMatchObject({
      base_model: 'tiny-chat',
      hyper_parameters: { max_steps: 22, learning_rate: 0.01, lr_scheduler_type: 'cosine' },
    });
    const checkpoints: { checkpoint: number }[] = (
      await server.call('GET', `${at}/training-jobs/${job.id}/checkpoints`)
    ).json();
    expect(checkpoints.map(({ checkpoint }) => checkpoint)).toEqual([1, 2, 3]);
    const deployment: string = (
      await server.call('POST', `${at}/deployments`, { training_job_id: job.id, checkpoint: 2 })
    ).json().id;
    await eventually(
      async () => (await server.call('GET', `${at}/deployments/${deployment}`)).json() as { status: string },
      ({ status }) => status === 'Deployed',
    );
    const asked = await server.call(
      'POST',
      `/emissary/v1/projects/${at.split('/').at(-1)}/deployments/${deployment}/completions`,
      {
        input: 'Item 2?',
        max_new_tokens: 3,
      },
    );
    expect(asked.statusCode).toBe(200);
  });
});

describe('a classifier job', () => {
  it('finds its targets in the data, and its model says them', async () => {
    const { client } = mistral;
    const rows = Array.from({ length: 12 }, (_, n) => ({
      text: n % 2 ? `Item ${n} is fine` : `Item ${n} broke`,
      labels: { mood: n % 2 ? 'good' : 'bad', about: n % 3 ? ['item'] : ['item', 'thing'] },
    }));
    const made = await client.fineTuning.jobs.create({
      model: 'tiny-chat',
      jobType: 'classifier',
      trainingFiles: [{ fileId: await upload('labels.jsonl', lines(rows)) }],
      autoStart: true,
      hyperparameters: { epochs: 1.5, learningRate: 0.001 },
    });
    const done = await reaches((made as { id: string }).id, 'SUCCESS');
    const classifierTargets = [
      { name: 'about', labels: ['item', 'thing'], weight: 1, loss_function: 'multi_class' },
      { name: 'mood', labels: ['bad', 'good'], weight: 1, loss_function: 'single_class' },
    ];
    expect(done).toMatchObject({ status: 'SUCCESS', job_type: 'classifier', classifier_targets: classifierTargets });
    const modelId = done.fine_tuned_model!;
    expect(modelId).toMatch(/^ft:classifier:tiny-chat:/);
    const card = await client.models.update({ modelId, updateFTModelIn: { name: 'moods' } });
    expect(card).toMatchObject({
      modelType: 'classifier',
      capabilities: { classification: true, completionChat: false },
    });
    const response = await fetch(`${mistral.server.url}/mistral/v1/fine_tuning/models/${modelId}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${mistral.server.adminKey}`, 'content-type': 'application/json' },
      body: '{}',
    });
    expect(fineTunedModelSchema.parse(await response.json())).toMatchObject({ classifier_targets: classifierTargets });
  });

  it('whose targets are not those of its data fails while it is validated', async () => {
    const { body } = await mistral.post('/mistral/v1/fine_tuning/jobs', {
      model: 'tiny-chat',
      training_files: [await upload('colours.jsonl', lines([{ text: 'sky', labels: { colour: 'blue' } }]))],
      classifier_targets: [{ name: 'colour', labels: ['red', 'green'], loss_function: 'single_class' }],
      hyperparameters: {},
    });
    const failed = await reaches((body as { id: string }).id);
    expect(failed.status).toBe('FAILED_VALIDATION');
    expect(failed.events[0]!.data).toEqual({
      status: 'FAILED_VALIDATION',
      error: expect.stringMatching(/^Line 1, field labels\.colour/),
    });
  });
});

describe('bad lines', () => {
  it('are left out as far as the job allows', async () => {
    const text = `${conversations(8)}not JSON\n{"messages":[]}\n`;
    const file = await upload('bad.jsonl', text);
    expect((await mistral.client.files.retrieve({ fileId: file })).numLines).toBe(10);
    const create = async (share: number | undefined) => {
      const { body } = await mistral.post('/mistral/v1/fine_tuning/jobs', {
        model: 'tiny-chat',
        training_files: [file],
        hyperparameters: { training_steps: 1 },
        ...(share !== undefined && { invalid_sample_skip_percentage: share }),
      });
      return (body as { id: string }).id;
    };
    const [strict, lenient] = [await create(undefined), await create(0.2)];
    const failed = await reaches(strict);
    expect(failed).toMatchObject({ status: 'FAILED_VALIDATION', events: [{}, { data: { status: 'VALIDATING' } }, {}] });
    expect(failed.events[0]!.data!['error']).toMatch(
      /^Line 9, field \(row\): .*; 2 of 10 rows are bad, and the job allows 0 %$/,
    );
    expect((await reaches(lenient, 'VALIDATED')).status).toBe('VALIDATED');
    expect(await mistral.client.fineTuning.jobs.list({ status: 'FAILED_VALIDATION' })).toMatchObject({
      data: expect.arrayContaining([expect.objectContaining({ id: strict })]),
    });
    expect((await mistral.client.fineTuning.jobs.list({ status: 'FAILED' })).total).toBe(0);
    expect(await mistral.client.fineTuning.jobs.cancel({ jobId: lenient })).toMatchObject({
      status: expect.stringMatching(/^CANCEL/),
    });
    await eventually(
      () => read(lenient),
      ({ status }) => status === 'CANCELLED',
    );
  });
});

describe("Emissary's jobs", () => {
  it('are listed and retrieved here, and their models answer', async () => {
    const { server, client } = mistral;
    const project: string = (await server.call('POST', '/emissary/v1/projects', {})).json().id;
    const dataset = await uploadRows(server, project);
    await server.call('POST', `/emissary/v1/projects/${project}/training-jobs`, {
      base_model: 'tiny-chat',
      train_dataset_id: dataset,
      parameters: { num_train_epochs: 2, learning_rate: 0.003 },
    });
    const { data = [] } = await client.fineTuning.jobs.list({ model: 'tiny-chat', pageSize: 1 });
    const { id } = data[0]!;
    const done = await reaches(id, 'SUCCESS');
    expect(done).toMatchObject({
      status: 'SUCCESS',
      job_type: 'completion',
      hyperparameters: { epochs: 2, training_steps: null, learning_rate: 0.003, weight_decay: 0.01, fim_ratio: 0 },
    });
    expect(done.checkpoints).toHaveLength(2);
    const file = await client.files.retrieve({ fileId: done.training_files[0]! });
    expect(file).toMatchObject({ filename: 'rows.jsonl', numLines: 3 });
    const answer = await client.chat.complete({
      model: done.fine_tuned_model!,
      messages: [{ role: 'user', content: 'Question 1?' }],
      maxTokens: 3,
    });
    expect(answer.choices).toHaveLength(1);
  });
});
