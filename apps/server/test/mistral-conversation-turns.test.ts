import fc from 'fast-check';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import {
  engine,
  it_,
  strangersClient,
  model,
  greedy,
  wireGreedy,
  collected,
  entryIds,
} from './support/conversations.ts';

describe('a conversation with agents', () => {
  it('is handed over on the server, or by the client, and stays with whom it was handed to', async () => {
    const { agents, conversations } = it_.client.beta;
    const second = await agents.create({
      model,
      name: 'Second agent',
      completionArgs: greedy,
      instructions: 'Be brief.',
    });
    const first = await agents.create({
      model,
      name: 'First agent',
      handoffs: [second.id],
      completionArgs: { ...greedy, toolChoice: 'any', maxTokens: 60 },
    });
    const handoff = {
      type: 'agent.handoff',
      previousAgentId: first.id,
      previousAgentName: 'First agent',
      nextAgentId: second.id,
      nextAgentName: 'Second agent',
    };
    const started = await conversations.start({ agentId: first.id, inputs: 'Hello.' });
    expect(started.outputs).toMatchObject([
      { ...handoff, id: expect.stringMatching(/^handoff_/) },
      { type: 'message.output', agentId: second.id },
    ]);
    const { conversationId } = started;
    expect(await it_.clientTwo.beta.conversations.get({ conversationId })).toMatchObject({ agentId: first.id });
    const more = await conversations.append({ conversationId, conversationAppendRequest: { inputs: 'More.' } });
    expect(more.outputs).toMatchObject([{ type: 'message.output', agentId: second.id }]);

    const events = await collected(
      await it_.clientTwo.beta.conversations.startStream({ agentId: first.id, inputs: 'Hello.' }),
    );
    expect(events.slice(0, 4).map(({ event }) => event)).toEqual([
      'conversation.response.started',
      'agent.handoff.started',
      'agent.handoff.done',
      'message.output.delta',
    ]);
    expect(events[1]).toMatchObject({ data: { outputIndex: 0, previousAgentId: first.id } });
    expect(events[2]).toMatchObject({ data: { outputIndex: 0, nextAgentName: 'Second agent' } });
    expect(events[3]).toMatchObject({ data: { outputIndex: 1, agentId: second.id } });

    const left = await conversations.start({ agentId: first.id, inputs: 'Hello.', handoffExecution: 'client' });
    expect(left.outputs).toMatchObject([handoff]);
    const taken = await conversations.append({
      conversationId: left.conversationId,
      conversationAppendRequest: { inputs: [], handoffExecution: 'client' },
    });
    expect(taken.outputs).toMatchObject([{ type: 'message.output', agentId: second.id }]);
    expect(taken.outputs[0]).toMatchObject({ content: (started.outputs[1] as { content: string }).content });
  }, 120_000);

  it('has settings of its own for all of its agents, and a choice of tools for the first', async () => {
    const { agents, conversations } = it_.client.beta;
    const second = await agents.create({ model, name: 'B', completionArgs: { temperature: 0 } });
    const first = await agents.create({ model, name: 'A', handoffs: [second.id] });
    const responseFormat = { type: 'json_object' as const };
    const completionArgs = { temperature: 0, maxTokens: 60, toolChoice: 'any' as const, responseFormat };
    const { conversationId, outputs } = await conversations.start({
      agentId: first.id,
      inputs: 'Hello.',
      completionArgs,
    });
    const kinds = outputs.map(({ type }) => type);
    expect(kinds).toEqual(['agent.handoff', 'message.output']);
    const more = await conversations.append({ conversationId, conversationAppendRequest: { inputs: 'More.' } });
    for (const output of [outputs[1]!, more.outputs[0]!])
      expect(output).toMatchObject({ agentId: second.id, content: expect.stringMatching(/^\s*\{/) });
    const refused = await it_.post(`/v1/conversations/${conversationId}`, {
      inputs: 'More.',
      completion_args: { tool_choice: 'any' },
    });
    expect(refused.status).toBe(400);
  }, 120_000);

  it('follows the version of the agent that counts', async () => {
    const { agents, conversations } = it_.client.beta;
    const { id } = await agents.create({ model, name: 'Changing', completionArgs: greedy });
    const { conversationId, usage } = await conversations.start({ agentId: id, inputs: 'Hello.' });
    await agents.update({ agentId: id, agentUpdateRequest: { instructions: 'Speak of colours only. '.repeat(5) } });
    const later = await conversations.start({ agentId: id, inputs: 'Hello.' });
    expect(later.usage.promptTokens).toBeGreaterThan(usage.promptTokens! + 10);
    const short = { inputs: 'More.', completionArgs: { maxTokens: 1 } };
    const cut = await conversations.append({ conversationId, conversationAppendRequest: short });
    expect(cut.usage.completionTokens).toBe(1);
  }, 120_000);
});

describe('turns', () => {
  it('of one conversation at the same time are written one after the other or refused', async () => {
    const { conversationId } = await it_.client.beta.conversations.start({
      model,
      inputs: '0',
      completionArgs: greedy,
    });
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        it_.post(`/v1/conversations/${conversationId}`, { inputs: `${index + 1}`, completion_args: wireGreedy }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain(200);
    expect([200, 409]).toEqual(expect.arrayContaining(statuses));
    const { entries } = await it_.client.beta.conversations.getHistory({ conversationId });
    const good = statuses.filter((status) => status === 200).length;
    expect(entries.map(({ type }) => type)).toEqual(
      Array.from({ length: good + 1 }, () => ['message.input', 'message.output']).flat(),
    );
    expect((await it_.post(`/v1/conversations/${conversationId}`, { inputs: 'x' })).status).toBe(200);
  }, 120_000);

  it.each([
    ['a client leaves', 'client'],
    ['the model process dies', 'runner'],
  ])(
    'in the middle of which %s leave nothing, and the conversation free',
    async (_, gone) => {
      const { conversationId } = await it_.client.beta.conversations.start({
        model: 'tiny-long',
        inputs: 'x',
        completionArgs: greedy,
      });
      const leaving = new AbortController();
      const response = await fetch(`${it_.server.url}/v1/conversations/${conversationId}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${it_.server.adminKey}`, 'content-type': 'application/json' },
        // The tiny model does not come to an end by itself.
        body: JSON.stringify({
          inputs: 'Count.',
          stream: true,
          completion_args: { temperature: 0, max_tokens: 100_000 },
        }),
        signal: leaving.signal,
      });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      expect((await reader.read()).value).toMatch(/^event: conversation\.response\.started\n/);
      const busy = engine.status().runners.find(({ running }) => running > 0)!;
      process.kill(busy.pid, 'SIGSTOP'); // so that it is the middle for as long as it takes
      expect((await it_.post(`/v1/conversations/${conversationId}`, { inputs: 'y' })).status).toBe(409);
      if (gone === 'client') {
        leaving.abort();
        process.kill(busy.pid, 'SIGCONT');
      } else {
        process.kill(busy.pid, 'SIGKILL');
        let text = '';
        for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
        const [last] = text.split('\n\n').slice(-2);
        expect(last).toMatch(/^event: conversation\.response\.error\ndata: .*"code":503/);
      }
      await expect.poll(() => engine.status().running, { timeout: 60_000 }).toBe(0);
      const again = () => it_.post(`/v1/conversations/${conversationId}`, { inputs: 'y', completion_args: wireGreedy });
      await expect.poll(async () => (await again()).status, { timeout: 60_000 }).toBe(200);
      const { entries } = await it_.client.beta.conversations.getHistory({ conversationId });
      expect(entries.flatMap((entry) => (entry.type === 'message.input' ? [entry.content] : []))).toEqual(['x', 'y']);
    },
    120_000,
  );

  it('that another server has had meanwhile are not written over', async () => {
    const { conversationId } = await it_.client.beta.conversations.start({
      model,
      inputs: 'x',
      completionArgs: greedy,
    });
    const { database } = it_.server;
    const answer = await database.transaction().execute(async (transaction) => {
      await transaction
        .updateTable('conversations')
        .set((row) => ({ turns: row('turns', '+', 1) }))
        .where('id', '=', conversationId)
        .execute();
      const posted = it_.post(`/v1/conversations/${conversationId}`, { inputs: 'y', completion_args: wireGreedy });
      // Its turn is made and waits to be written.
      const waiting = sql<{ count: number }>`select count(*)::int as count from pg_locks where not granted`;
      await expect
        .poll(async () => (await waiting.execute(database)).rows[0]!.count, { timeout: 60_000 })
        .toBeGreaterThan(0);
      return { posted };
    });
    expect(await answer.posted).toMatchObject({ status: 409, body: { type: 'conflict' } });
    expect(await entryIds(conversationId)).toHaveLength(2);
  }, 120_000);

  it('follow whatever history there is: appended or restarted at any entry, it is what the client did', async () => {
    const start = await it_.client.beta.conversations.start({
      model,
      inputs: '0',
      completionArgs: { ...greedy, maxTokens: 1 },
    });
    /** What each conversation has to consist of. */
    const known = new Map([[start.conversationId, await entryIds(start.conversationId)]]);
    const step = fc.record({ which: fc.nat(20), at: fc.option(fc.nat(20)), store: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 3 }), async (steps) => {
        for (const { which, at, store } of steps) {
          const [conversationId, ids] = [...known][which % known.size]!;
          // Inputs are the user's, so that they follow whatever the entry is.
          const inputs = [{ role: 'user' as const, content: `${which}` }];
          const from = at === null ? ids.length : (at % ids.length) + 1;
          const answer =
            at === null
              ? await it_.client.beta.conversations.append({
                  conversationId,
                  conversationAppendRequest: { inputs, store },
                })
              : await it_.clientTwo.beta.conversations.restart({
                  conversationId,
                  conversationRestartRequest: { inputs, store, fromEntryId: ids[from - 1]! },
                });
          expect(answer.conversationId === conversationId).toBe(at === null);
          if (!store) continue;
          const now = await entryIds(answer.conversationId);
          expect(now.slice(0, from)).toEqual(ids.slice(0, from));
          expect(now.slice(from + 1)).toEqual(answer.outputs.map((output) => (output as { id?: string }).id));
          known.set(answer.conversationId, now);
        }
        for (const [conversationId, ids] of known) expect(await entryIds(conversationId)).toEqual(ids);
      }),
      { numRuns: 5 },
    );
    const listed = await it_.client.beta.conversations.list({ pageSize: 1000 });
    const paged: string[] = [];
    for (let page = 0; page * 3 < listed.length; page++)
      paged.push(...(await it_.clientTwo.beta.conversations.list({ page, pageSize: 3 })).map(({ id }) => id));
    expect(paged).toEqual(listed.map(({ id }) => id));
  }, 120_000);
});

it('conversations of another workspace look like missing ones', async () => {
  const { conversationId } = await it_.client.beta.conversations.start({ model, inputs: 'x', completionArgs: greedy });
  const [entry] = await entryIds(conversationId);
  const { conversations } = strangersClient.beta;
  for (const id of [conversationId, `conv_${'0'.repeat(32)}`, 'conv_\0', 'x']) {
    const missing = { statusCode: 404, body: expect.stringContaining('Conversation not found') };
    const asked = { conversationId: id };
    await expect(conversations.get(asked)).rejects.toMatchObject(missing);
    await expect(conversations.getHistory(asked)).rejects.toMatchObject(missing);
    await expect(conversations.getMessages(asked)).rejects.toMatchObject(missing);
    await expect(conversations.append({ ...asked, conversationAppendRequest: { inputs: 'x' } })).rejects.toMatchObject(
      missing,
    );
    await expect(
      conversations.restart({ ...asked, conversationRestartRequest: { inputs: 'x', fromEntryId: entry! } }),
    ).rejects.toMatchObject(missing);
  }
  expect(await conversations.list({})).toEqual([]);
  const unknownEntry = await it_.post(`/v1/conversations/${conversationId}/restart`, {
    inputs: 'x',
    from_entry_id: 'y',
  });
  expect(unknownEntry.status).toBe(404);
}, 60_000);
