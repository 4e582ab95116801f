import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddingResponseSchema } from '../src/apis/mistral/schemas/embeddings.ts';
import { eventually } from './support/emissary-objects.ts';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';

let it_: MistralServer;
beforeAll(async () => {
  it_ = await mistralServer({ ATELIER_TRAINING_JOBS: '0' });
}, 120_000);
afterAll(() => it_[Symbol.asyncDispose]());

const model = 'tiny-chat';
const texts = ['Embed this sentence.', 'As well as this one.'];
const lengthOf = (vector: readonly number[]): number => Math.hypot(...vector);

async function post(body: object) {
  const answer = await it_.post('/v1/embeddings', { model, input: texts, ...body });
  expect(answer.status).toBe(200);
  const { data, usage } = embeddingResponseSchema.parse(answer.body);
  return { vectors: data.map(({ embedding }) => embedding), usage };
}

describe('embeddings', () => {
  it('are one vector for each text, in order, the same by both clients', async () => {
    const whole = await it_.client.embeddings.create({ model, inputs: texts });
    expect(whole).toMatchObject({ object: 'list', model, data: [{ index: 0 }, { index: 1 }] });
    const { promptTokens, completionTokens, totalTokens } = whole.usage;
    expect([completionTokens, totalTokens]).toEqual([0, promptTokens]);
    expect(promptTokens).toBeGreaterThan(2);
    const [first, second] = whole.data.map(({ embedding }) => embedding!);
    expect([lengthOf(first!), lengthOf(second!)]).toEqual([expect.closeTo(1, 4), expect.closeTo(1, 4)]);
    const single = await it_.clientTwo.embeddings.create({ model, inputs: texts[1]! });
    expect(single.data).toHaveLength(1);
    for (const [index, number] of single.data[0]!.embedding!.entries()) expect(number).toBeCloseTo(second![index]!, 4);
  }, 60_000);

  it('have the asked dimension and type', async () => {
    const [whole] = (await post({})).vectors as number[][];
    const [cut] = (await post({ output_dimension: 16 })).vectors as number[][];
    const scale = lengthOf(whole!.slice(0, 16));
    expect(cut).toEqual(whole!.slice(0, 16).map((number) => expect.closeTo(number / scale, 3)));
    const [small] = (await post({ output_dtype: 'int8' })).vectors as number[][];
    expect(small).toEqual(whole!.map((number) => expect.closeTo(127 * number, -0.31)));
    const [shifted] = (await post({ output_dtype: 'uint8' })).vectors as number[][];
    expect(shifted).toEqual(small!.map((number) => number + 128));
    const [bits] = (await post({ output_dtype: 'ubinary' })).vectors as number[][];
    expect(bits).toHaveLength(whole!.length / 8);
    const [signed] = (await post({ output_dtype: 'binary' })).vectors as number[][];
    expect(signed).toEqual(bits!.map((byte) => byte - 128));
    const client = await it_.clientTwo.embeddings.create({
      model,
      inputs: texts,
      outputDtype: 'int8',
      outputDimension: 8,
    });
    expect(client.data[0]!.embedding).toHaveLength(8);
  }, 60_000);

  it('take the older encoding_format, and the default model by its hosted name', async () => {
    const [numbers] = (await post({ encoding_format: 'float' })).vectors as number[][];
    const [text] = (await post({ encoding_format: 'base64' })).vectors as string[];
    const bytes = Buffer.from(text!, 'base64');
    expect(numbers!.map((_, index) => bytes.readFloatLE(4 * index))).toEqual(numbers);
    const hosted = await it_.client.embeddings.create({ model: 'mistral-embed', inputs: 'Hello.' });
    expect(hosted.data[0]!.embedding).toHaveLength(256);
    expect((await it_.post('/mistral/v1/embeddings', { input: 'Hello.' })).body).toMatchObject({
      model: 'starter',
    });
  }, 60_000);

  it('are refused with what is wrong', async () => {
    const refused = async (body: object) => {
      const answer = await it_.post('/v1/embeddings', { model, input: 'x', ...body });
      return [answer.status, (answer.body as { type: string }).type];
    };
    expect(await refused({ model: 'nothing' })).toEqual([400, 'invalid_model']);
    expect(await refused({ input: [] })).toEqual([422, 'invalid_request_error']);
    expect(await refused({ input: 7 })).toEqual([422, 'invalid_request_error']);
    expect(await refused({ output_dimension: 0 })).toEqual([422, 'invalid_request_error']);
    expect(await refused({ output_dimension: 100_000 })).toEqual([400, 'invalid_request']);
    expect(await refused({ output_dtype: 'float64' })).toEqual([422, 'invalid_request_error']);
    expect(await refused({ surprise: 1 })).toEqual([422, 'invalid_request_error']);
    expect(await refused({ input: 'word '.repeat(20_000) })).toEqual([400, 'context_overflow']);
  }, 60_000);
});

it('batches answer each line as the operation does', async () => {
  const cases = [{ endpoint: '/v1/embeddings', model, result: { object: 'list', data: [{ index: 0 }] } }] as const;
  for (const { endpoint, model: name, result } of cases) {
    const lines = texts.map((input, id) => JSON.stringify({ custom_id: `line-${id}`, body: { input } }));
    const file = await it_.client.files.upload({
      file: { fileName: `${name}.jsonl`, content: new Blob([lines.join('\n')]) },
      purpose: 'batch',
    });
    const made = await it_.client.batch.jobs.create({ inputFiles: [file.id], endpoint, model: name });
    const job = await eventually(
      () => it_.client.batch.jobs.get({ jobId: made.id }),
      ({ completedAt }) => typeof completedAt === 'number',
      60_000,
    );
    expect(job).toMatchObject({ status: 'SUCCESS', succeededRequests: 2, failedRequests: 0 });
    const output = await new Response(await it_.client.files.download({ fileId: job.outputFile! })).text();
    expect(
      output
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject(
      texts.map((_, id) => ({
        custom_id: `line-${id}`,
        response: { status_code: 200, body: { ...result, model: name } },
      })),
    );
  }
}, 120_000);
