import { identityOf } from '../../../http/identity.ts';
import { answerCompletion } from '../answer-completion.ts';
import type { Operation } from '../operation.ts';
import { agentsRequestSchema, completionResponses } from '../schemas/completions.ts';
import { agentsChat } from '../translate/agents-completion.ts';
import { chatGeneration } from '../translate/generation.ts';

export const agentsCompletion: Operation = (app, services) => {
  app.post(
    '/v1/agents/completions',
    {
      schema: {
        operationId: 'agents_completion_v1_agents_completions_post',
        tags: ['agents'],
        summary: 'Completion by an agent, without a conversation',
        body: agentsRequestSchema,
        response: completionResponses,
      },
    },
    async (request, reply) => {
      const agent = await services.agents.get(identityOf(request), request.body.agent_id);
      const chat = agentsChat(agent, request.body);
      return answerCompletion(services, { ...chat, generation: chatGeneration(chat) }, request, reply);
    },
  );
};
