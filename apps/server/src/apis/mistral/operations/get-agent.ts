import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { agentParams, agentSchema } from '../schemas/agents.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireAgent } from '../translate/agent.ts';

export const getAgent: Operation = (app, { agents }) => {
  app.get(
    '/v1/agents/:agent_id',
    {
      schema: {
        operationId: 'agents_api_v1_agents_get',
        tags: ['beta.agents'],
        summary: 'Retrieve an agent',
        params: agentParams,
        response: { 200: agentSchema, ...errorResponses },
      },
    },
    async (request) => wireAgent(await agents.get(identityOf(request), request.params.agent_id)),
  );
};
