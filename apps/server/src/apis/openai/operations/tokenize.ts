import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { tokensRequestSchema, tokensSchema } from '../schemas/tokens.ts';
import { chatMessages } from '../translate/messages.ts';

export const tokenize: Operation = (app, { inference }) => {
  app.post(
    '/v1/tokenize',
    {
      schema: {
        operationId: 'tokenize',
        tags: ['Models'],
        summary: 'The tokens of a prompt, or of a conversation with its tools, as the model would get them',
        body: tokensRequestSchema,
        response: { 200: tokensSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { body } = request;
      const input =
        'prompt' in body
          ? ({ kind: 'text', text: body.prompt } as const)
          : ({ kind: 'chat', ...chatMessages(body.messages), ...(body.tools && { tools: body.tools }) } as const);
      const made = await inference.tokenizeWith(identityOf(request), body.model, input, requestSignal(request));
      return { count: made.tokens.length, max_model_len: made.contextTokens, tokens: made.tokens };
    },
  );
};
