import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { agentParams, agentSchema, versionQuery } from '../schemas/agents.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireAgent } from '../translate/agent.ts';

export const switchAgentVersion: Operation = (app, { agents }) => {
  app.patch(
    '/v1/agents/:agent_id/version',
    {
      schema: {
        operationId: 'agents_api_v1_agents_update_version',
        tags: ['beta.agents'],
        summary: 'Switch the version of an agent',
        params: agentParams,
        querystring: versionQuery,
        response: { 200: agentSchema, ...errorResponses },
      },
    },
    async (request) =>
      wireAgent(await agents.switchVersion(identityOf(request), request.params.agent_id, request.query.version)),
  );
};
