import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { agentParams, agentSchema, agentUpdateSchema } from '../schemas/agents.ts';
import { errorResponses } from '../schemas/errors.ts';
import { agentChange, wireAgent } from '../translate/agent.ts';

export const updateAgent: Operation = (app, { agents }) => {
  app.patch(
    '/v1/agents/:agent_id',
    {
      schema: {
        operationId: 'agents_api_v1_agents_update',
        tags: ['beta.agents'],
        summary: 'Update an agent: a new version',
        params: agentParams,
        body: agentUpdateSchema,
        response: { 200: agentSchema, ...errorResponses },
      },
    },
    async (request) =>
      wireAgent(await agents.update(identityOf(request), request.params.agent_id, agentChange(request.body))),
  );
};
