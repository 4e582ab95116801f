import { collectGeneration } from '../../../core/inference/collect.ts';
import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { chatCompletionSchema, chatRequestSchema } from '../schemas/chat.ts';
import { errorResponses } from '../schemas/errors.ts';
import { chatCompletion, chatStream } from '../translate/chat.ts';
import { chatGeneration } from '../translate/generation.ts';
import { newHead } from '../translate/usage.ts';

export const createChatCompletion: Operation = (app, { inference }) => {
  app.post(
    '/v1/chat/completions',
    {
      schema: {
        operationId: 'createChatCompletion',
        tags: ['Chat'],
        summary: 'Create a chat completion',
        description: 'With `stream`, server-sent events: chunks as JSON, `[DONE]` after the last.',
        body: chatRequestSchema,
        produces: ['application/json', 'text/event-stream'],
        response: { 200: chatCompletionSchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { model, stream, stream_options, logprobs, n } = request.body;
      const head = newHead('chatcmpl', model);
      const generation = chatGeneration(request.body);
      const events = inference.generateWith(identityOf(request), model, generation, requestSignal(request));
      if (!stream) return chatCompletion(head, await collectGeneration(events), logprobs === true);
      const options = {
        choices: n ?? 1,
        includeUsage: stream_options?.include_usage === true,
        logprobs: logprobs === true,
      };
      // The first event decides between an error and a stream.
      const body = chatStream(head, options, await events.next(), events);
      return reply.type('text/event-stream; charset=utf-8').send(body as never);
    },
  );
};
