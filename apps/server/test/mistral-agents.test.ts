import { Mistral } from 'mistralai-1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './support/emissary-objects.ts';
import { stranger } from './support/emissary-server.ts';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';

let it_: MistralServer;
let strangersClient: Mistral;
beforeAll(async () => {
  it_ = await mistralServer({ ATELIER_TRAINING_JOBS: '0' });
  strangersClient = new Mistral({ apiKey: stranger.key, serverURL: it_.server.url });
}, 120_000);
afterAll(() => it_[Symbol.asyncDispose]());

const model = 'mistral-small-latest';
const lookUp = {
  type: 'function' as const,
  function: {
    name: 'look_up',
    description: 'Looks a colour up',
    parameters: { type: 'object', properties: { colour: { enum: ['red', 'blue'] } }, required: ['colour'] },
  },
};
const greedy = { temperature: 0, maxTokens: 6 };

describe('agents', () => {
  it('are made, listed, read and changed by versions, with both clients', async () => {
    const completionArgs = {
      stop: ['END'],
      presencePenalty: 0.5,
      frequencyPenalty: -0.5,
      temperature: 0.7,
      topP: 0.9,
      maxTokens: 20,
      randomSeed: 5,
      prediction: { type: 'content' as const, content: 'maybe' },
      responseFormat: {
        type: 'json_schema' as const,
        jsonSchema: { name: 'thing', schemaDefinition: { type: 'object' }, strict: true },
      },
      toolChoice: 'any' as const,
    };
    const tools = [
      lookUp,
      { type: 'web_search' as const },
      { type: 'web_search_premium' as const },
      { type: 'code_interpreter' as const },
      { type: 'image_generation' as const },
      { type: 'document_library' as const, libraryIds: ['lib'] },
    ];
    const made = await it_.client.beta.agents.create({
      model,
      name: 'First',
      description: 'the first',
      instructions: 'Be brief.',
      tools,
      completionArgs,
    });
    expect(made.id).toMatch(/^ag_[0-9a-f]{32}$/);
    expect(made).toMatchObject({
      object: 'agent',
      version: 0,
      model,
      name: 'First',
      instructions: 'Be brief.',
      completionArgs,
    });
    expect(made.tools).toMatchObject(tools);
    const second = await it_.clientTwo.beta.agents.create({ model, name: 'Second', handoffs: [made.id] });
    expect(second).toMatchObject({ handoffs: [made.id], versions: [0], completionArgs: { temperature: 0.3 } });

    const changed = await it_.client.beta.agents.update({
      agentId: made.id,
      agentUpdateRequest: { instructions: 'Be long.', description: null },
    });
    expect(changed).toMatchObject({
      id: made.id,
      version: 1,
      name: 'First',
      instructions: 'Be long.',
      description: null,
    });
    const back = await it_.clientTwo.beta.agents.updateVersion({ agentId: made.id, version: 0 });
    expect(back).toMatchObject({ version: 0, instructions: 'Be brief.', description: 'the first', versions: [0, 1] });
    const third = await it_.clientTwo.beta.agents.update({ agentId: made.id, updateAgentRequest: { name: 'Other' } });
    expect(third).toMatchObject({ version: 2, name: 'Other', instructions: 'Be brief.' });
    expect((await it_.client.beta.agents.get({ agentId: made.id })).updatedAt > made.updatedAt).toBe(true);

    const newest = await it_.client.beta.agents.list({ page: 0, pageSize: 1 });
    expect(newest.map(({ id }) => id)).toEqual([second.id]);
    expect((await it_.client.beta.agents.list({ page: 1, pageSize: 1 }))[0]).toMatchObject({ id: made.id, version: 2 });
  }, 120_000);

  it('gives each of many changes at once a version of its own', async () => {
    const { id } = await it_.client.beta.agents.create({ model, name: 'Busy' });
    const changes = Array.from({ length: 6 }, (_, index) =>
      it_.client.beta.agents.update({ agentId: id, agentUpdateRequest: { description: `${index}` } }),
    );
    await Promise.all(changes);
    expect(await it_.clientTwo.beta.agents.get({ agentId: id })).toMatchObject({
      version: 6,
      versions: [0, 1, 2, 3, 4, 5, 6],
    });
  }, 120_000);

  it.each([
    [{ name: 'x' }, 422, { detail: [{ loc: ['body', 'model'] }] }],
    [{ name: 'x', model, nonsense: 1 }, 422, { detail: [{ loc: ['body', 'nonsense'], type: 'extra_forbidden' }] }],
    [{ name: 'x\0', model }, 422, {}],
    [{ name: 'x', model, tools: [{ type: 'document_library', library_ids: [] }] }, 422, {}],
    [{ name: 'x', model, tools: [{ type: 'nothing' }] }, 422, {}],
    [{ name: 'x', model, completion_args: { temperature: 1.2 } }, 422, {}],
    [{ name: 'x', model: 'gpt-5' }, 400, { type: 'invalid_model' }],
    [{ name: 'x', model, handoffs: ['ag_0'] }, 400, { message: 'handoffs.0: there is no such other agent' }],
    [{ name: 'x', model, handoffs: [] }, 422, {}],
    [{ name: 'x', model, tools: [lookUp, lookUp] }, 400, { message: 'Two tools have the name look_up' }],
    [
      { name: 'x', model, tools: [{ function: { name: 'web_search', parameters: {} } }, { type: 'web_search' }] },
      400,
      { message: 'Two tools have the name web_search' },
    ],
  ])(
    'refuses %j with %i',
    async (body, status, error) => {
      expect(await it_.post('/v1/agents', body)).toMatchObject({ status, body: { object: 'error', ...error } });
    },
    60_000,
  );

  it('of another workspace look like missing ones', async () => {
    const { id } = await it_.client.beta.agents.create({ model, name: 'Mine' });
    const messages = [{ role: 'user' as const, content: 'Hello' }];
    for (const agentId of [id, `ag_${'0'.repeat(32)}`, 'ag_\0', '%', 'completions-of-nobody']) {
      const missing = { statusCode: 404, body: expect.stringContaining('Agent not found') };
      await expect(strangersClient.beta.agents.get({ agentId })).rejects.toMatchObject(missing);
      await expect(strangersClient.beta.agents.updateVersion({ agentId, version: 0 })).rejects.toMatchObject(missing);
      await expect(
        strangersClient.beta.agents.update({ agentId, agentUpdateRequest: { name: 'Yours' } }),
      ).rejects.toMatchObject(missing);
      await expect(strangersClient.agents.complete({ agentId, messages })).rejects.toMatchObject(missing);
      await expect(strangersClient.beta.conversations.start({ agentId, inputs: 'Hello' })).rejects.toMatchObject(
        missing,
      );
    }
    const handing = await it_.post('/v1/agents', { model, name: 'x', handoffs: [id] }, stranger.key);
    expect(handing.status).toBe(400);
    expect(await strangersClient.beta.agents.list({})).toEqual([]);
    await expect(it_.client.beta.agents.updateVersion({ agentId: id, version: 1 })).rejects.toMatchObject({
      statusCode: 404,
    });
  }, 120_000);
});

describe('agents completion', () => {
  it('answers as a chat with the agent’s model, instructions and arguments does', async () => {
    const messages = [{ role: 'user' as const, content: 'Say hello.' }];
    const instructions = 'Answer in English.';
    const agent = await it_.client.beta.agents.create({ model, name: 'Greeter', instructions, completionArgs: greedy });
    const chat = await it_.client.chat.complete({
      model,
      ...greedy,
      messages: [{ role: 'system', content: instructions }, ...messages],
    });
    const answer = await it_.clientTwo.agents.complete({ agentId: agent.id, messages });
    expect(answer).toMatchObject({
      object: 'chat.completion',
      usage: chat.usage,
      choices: [{ message: { content: chat.choices[0]!.message.content } }],
    });
    let text = '';
    for await (const { data } of await it_.client.agents.stream({ agentId: agent.id, messages }))
      text += data.choices[0]!.delta.content as string;
    expect(text).toBe(chat.choices[0]!.message.content);
    const shorter = await it_.client.agents.complete({ agentId: agent.id, messages, maxTokens: 1 });
    expect(shorter.usage.completionTokens).toBe(1);
  }, 120_000);

  it('offers the agent’s functions beside the request’s', async () => {
    const { id } = await it_.client.beta.agents.create({
      model,
      name: 'Caller',
      tools: [lookUp, { type: 'web_search' }],
      completionArgs: { temperature: 0, toolChoice: 'any' },
    });
    const messages = [{ role: 'user' as const, content: 'Which colour?' }];
    const called = await it_.client.agents.complete({ agentId: id, messages, parallelToolCalls: false });
    expect(called.choices[0]).toMatchObject({
      finishReason: 'tool_calls',
      message: { toolCalls: [{ function: { name: 'look_up' } }] },
    });
    const named = await it_.client.agents.complete({
      agentId: id,
      messages,
      tools: [
        { function: { name: 'stop', parameters: { type: 'object', properties: {}, additionalProperties: false } } },
      ],
      toolChoice: { function: { name: 'stop' } },
    });
    expect(named.choices[0]!.message.toolCalls).toMatchObject([{ function: { name: 'stop' } }]);
  }, 120_000);

  it('answers the lines of a batch', async () => {
    const { id } = await it_.client.beta.agents.create({ model, name: 'Patient', completionArgs: greedy });
    const line = { custom_id: 'one', body: { messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 1 } };
    const file = { fileName: 'lines.jsonl', content: new Blob([JSON.stringify(line)]) };
    const input = await it_.client.files.upload({ file, purpose: 'batch' });
    const asked = { inputFiles: [input.id], endpoint: '/v1/chat/completions' as const, agentId: id };
    const made = await it_.clientTwo.batch.jobs.create(asked);
    const job = await eventually(
      () => it_.clientTwo.batch.jobs.get({ jobId: made.id }),
      ({ completedAt }) => typeof completedAt === 'number',
      120_000,
    );
    expect(job).toMatchObject({ status: 'SUCCESS', succeededRequests: 1, agentId: id });
    for (const [body, status] of [
      [{ agent_id: `ag_${'0'.repeat(32)}`, endpoint: '/v1/chat/completions' }, 404],
      [{ agent_id: id, endpoint: '/v1/fim/completions' }, 400],
    ] as const)
      expect(await it_.post('/v1/batch/jobs', { input_files: [input.id], ...body })).toMatchObject({ status });
  }, 120_000);
});
