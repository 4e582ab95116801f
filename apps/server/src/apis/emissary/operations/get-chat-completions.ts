import { identityOf } from '../../../http/identity.ts';
import { requestSignal } from '../../../http/request-signal.ts';
import type { Operation } from '../operation.ts';
import { deploymentParams } from '../schemas/deployments.ts';
import { errorResponses } from '../schemas/errors.ts';
import { chatRequestSchema, completionResponseSchema } from '../schemas/inference.ts';
import { answerId, wholeText } from '../translate/answer.ts';
import { sampling } from '../translate/sampling.ts';
import { chatStream } from '../translate/chat-stream.ts';

export const getChatCompletions: Operation = (app, { inference }) => {
  app.post(
    '/v1/projects/:project_id/deployments/:deployment_id/chat/completions',
    {
      schema: {
        operationId: 'getChatCompletionsFromDeployment',
        tags: ['Inference'],
        summary: 'Chat Completion',
        description:
          'With streaming, the answer is text/event-stream: lines of `data:` with a JSON object of id and the next piece of response; ' +
          'the last object has an empty response and finish_reason; then `data: [DONE]`. An error on the way is a `data:` line with status, ' +
          'error and code, and the stream ends without the end mark.',
        params: deploymentParams,
        body: chatRequestSchema,
        response: { 200: completionResponseSchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { project_id: projectId, deployment_id: deploymentId } = request.params;
      const { messages, streaming, ...fields } = request.body;
      const generation = { projectId, deploymentId, input: { messages }, ...sampling(fields) };
      const id = answerId('chat-completion');
      const events = inference.generate(identityOf(request), generation, requestSignal(request));
      if (streaming !== true) return { id, response: await wholeText(events) };
      // What is wrong before the first piece is an answer of its own, not an event.
      const first = await events.next();
      return reply
        .type('text/event-stream; charset=utf-8')
        .serializer(String)
        .send(chatStream(id, first, events) as never);
    },
  );
};
