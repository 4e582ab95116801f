import type { GenerateEvent } from '@atelier/engine';
import { identityOf } from '../../../http/identity.ts';
import { eventStream, frame } from '../../../http/event-stream.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import {
  type KeptItem,
  type ResponseEvent,
  responseRequestSchema,
  responseSchema,
  type WireResponse,
} from '../schemas/responses.ts';
import { keptItems, responseGeneration } from '../translate/response-input.ts';
import { newResponse, ResponseTeller } from '../translate/response.ts';

export const createResponse: Operation = (app, { inference, responses }) => {
  app.post(
    '/v1/responses',
    {
      schema: {
        operationId: 'createResponse',
        tags: ['Responses'],
        summary: 'Create a response',
        description: 'With `stream`, server-sent events by their names, the last of which holds the whole response.',
        body: responseRequestSchema,
        produces: ['application/json', 'text/event-stream'],
        response: { 200: responseSchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const identity = identityOf(request);
      const previousId = body.previous_response_id ?? null;
      const before = previousId === null ? [] : await responses.chain(identity, previousId);
      const input = keptItems(body.input);
      const said = before.flatMap((turn) => [...turn.input, ...(turn.answer as WireResponse).output]) as KeptItem[];
      const generation = responseGeneration(body, [...said, ...input]);
      const teller = new ResponseTeller(newResponse(body));
      const events = told(
        teller,
        inference.generateWith(identity, body.model, generation, requestSignal(request)),
        async () => {
          const { response } = teller;
          if (response.store) await responses.keep(identity, { id: response.id, previousId, input, answer: response });
        },
      );
      if (!body.stream) {
        for await (const _ of events);
        return teller.response;
      }
      const stream = eventStream<ResponseEvent>({
        // The first event decides between an error and a stream.
        first: await events.next(),
        rest: events,
        frames: (event) => [frame(event, event.type)],
        error: (error) => frame(teller.fail(error), 'response.failed'),
      });
      return reply.type('text/event-stream; charset=utf-8').send(stream as never);
    },
  );
};

/** Nothing is told before the generation has begun; when the end is told, the response is kept. */
async function* told(
  teller: ResponseTeller,
  generation: AsyncGenerator<GenerateEvent, void, void>,
  keep: () => Promise<void>,
): AsyncGenerator<ResponseEvent, void, void> {
  let begun = false;
  for await (const event of generation) {
    if (!begun) yield* teller.begin();
    begun = true;
    yield* teller.take(event);
  }
  await keep();
  yield teller.end();
}
