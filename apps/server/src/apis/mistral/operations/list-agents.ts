import { identityOf } from '../../../http/identity.ts';
import { z } from 'zod';
import type { Operation } from '../operation.ts';
import { agentListQuery, agentSchema } from '../schemas/agents.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireAgent } from '../translate/agent.ts';

export const listAgents: Operation = (app, { agents }) => {
  app.get(
    '/v1/agents',
    {
      schema: {
        operationId: 'agents_api_v1_agents_list',
        tags: ['beta.agents'],
        summary: 'List agents, newest first',
        querystring: agentListQuery,
        response: { 200: z.array(agentSchema), ...errorResponses },
      },
    },
    async (request) => {
      const { page, page_size } = request.query;
      const found = await agents.page(identityOf(request), { offset: page * page_size, limit: page_size });
      return found.map(wireAgent);
    },
  );
};
