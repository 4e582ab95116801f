import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { agentCreateSchema, agentSchema } from '../schemas/agents.ts';
import { errorResponses } from '../schemas/errors.ts';
import { newAgent, wireAgent } from '../translate/agent.ts';

export const createAgent: Operation = (app, { agents }) => {
  app.post(
    '/v1/agents',
    {
      schema: {
        operationId: 'agents_api_v1_agents_create',
        tags: ['beta.agents'],
        summary: 'Create an agent',
        body: agentCreateSchema,
        response: { 200: agentSchema, ...errorResponses },
      },
    },
    async (request) => wireAgent(await agents.create(identityOf(request), newAgent(request.body))),
  );
};
