/** Lines of batches, whatever they are: a request of the batch's model, or an answer that says what is wrong. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { errorSchema } from '../src/apis/mistral/schemas/errors.ts';
import { mistralBatches } from '../src/apis/mistral/translate/batch.ts';
import type { Batch } from '../src/core/batches/batch-api.ts';

const endpoint = '/v1/chat/completions';
const batchOf = (parameters: Record<string, unknown>) => ({ model: 'tiny', endpoint, parameters }) as Batch;
const json = fc.jsonValue({ maxDepth: 3 });
const body = fc.dictionary(
  fc.string().filter((key) => key !== '__proto__'),
  json,
);
const customId = fc.oneof(fc.string({ maxLength: 512 }), fc.maxSafeInteger());

it('a request is sent whole, with the model or the agent of the batch in the place of its own, and never as a stream', () => {
  const asked = fc.property(customId, body, fc.boolean(), fc.boolean(), (custom_id, given, stream, agent) => {
    const line = JSON.stringify({ custom_id, body: { ...given, model: 'other', stream } });
    const request = mistralBatches.readLine(line, batchOf(agent ? { agent_id: 'ag_1' } : {}));
    expect(request.customId).toBe(String(custom_id));
    expect(request.endpoint).toBe(agent ? '/mistral/v1/agents/completions' : `/mistral${endpoint}`);
    const subject = agent ? { model: 'other', agent_id: 'ag_1' } : { model: 'tiny' };
    expect(JSON.parse(JSON.stringify(request.body))).toEqual(
      JSON.parse(JSON.stringify({ ...given, ...subject, stream: false })),
    );
  });
  fc.assert(asked);
});

it('any other line is answered with what is wrong, and without what it says', () => {
  const secret = 'what-only-the-line-says';
  const wrong = fc.oneof(
    fc.string(),
    json.map((value) => JSON.stringify(value)),
    customId.map((custom_id) => JSON.stringify({ custom_id })),
    body.map((given) => JSON.stringify({ custom_id: [secret], body: given })),
    fc.constant(`{"custom_id":"${secret}","body":`),
  );
  const asked = fc.property(wrong, (line) => {
    try {
      mistralBatches.readLine(line, batchOf({}));
    } catch (error) {
      const answer = mistralBatches.errorAnswer(error as Error);
      expect(answer.status).toBe(400);
      expect(errorSchema.parse(answer.body).object).toBe('error');
      expect(mistralBatches.messageOf(answer)).toMatch(/^The line is /);
      expect(JSON.stringify(answer.body)).not.toContain(secret);
      return;
    }
    // What chance made a request of.
    expect(JSON.parse(line)).toMatchObject({ body: expect.any(Object) });
  });
  fc.assert(asked);
});

it('an answer is written under the id of its line', () => {
  const asked = fc.property(fc.option(fc.string()), fc.integer({ min: 200, max: 599 }), json, (id, status, given) => {
    const written = JSON.parse(JSON.stringify(mistralBatches.writeAnswer(id, { status, body: given })));
    expect(written).toEqual({
      id: expect.stringMatching(/-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      custom_id: id,
      response: { status_code: status, body: JSON.parse(JSON.stringify(given)) },
      error: null,
    });
  });
  fc.assert(asked);
});
