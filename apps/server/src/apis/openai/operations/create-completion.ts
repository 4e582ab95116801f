import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { completionRequestSchema, completionSchema } from '../schemas/completions.ts';
import { errorResponses } from '../schemas/errors.ts';
import { completion, completionGenerations, completionStream } from '../translate/completion.ts';
import { newHead } from '../translate/usage.ts';

export const createCompletion: Operation = (app, { inference }) => {
  app.post(
    '/v1/completions',
    {
      schema: {
        operationId: 'createCompletion',
        tags: ['Completions'],
        summary: 'Create a completion',
        description: 'The text goes on as it is, without a chat template; with a suffix, a hole is filled.',
        body: completionRequestSchema,
        produces: ['application/json', 'text/event-stream'],
        response: { 200: completionSchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { model, stream, stream_options, logprobs, n } = request.body;
      const identity = identityOf(request);
      const signal = requestSignal(request);
      const runs = completionGenerations(request.body).map(({ echo, generation }) => ({
        echo,
        events: inference.generateWith(identity, model, generation, signal),
      }));
      const head = newHead('cmpl', model);
      const options = {
        choices: n ?? 1,
        logprobs: typeof logprobs === 'number',
        includeUsage: stream_options?.include_usage === true,
      };
      if (!stream) return completion(head, runs, options);
      return reply
        .type('text/event-stream; charset=utf-8')
        .send((await completionStream(head, runs, options)) as never);
    },
  );
};
