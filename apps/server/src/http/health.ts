import type { FastifyInstance } from 'fastify';

const CHECK_LIMIT_MS = 2000;

/** Each resolves when its part can do its work right now, and throws otherwise. */
export type ReadinessChecks = Record<string, () => Promise<unknown>>;

/** `GET /healthz`: the process answers. `GET /readyz`: every check passes, else 503 naming those that do not. */
export function addHealth(app: FastifyInstance, checks: ReadinessChecks): void {
  app.get('/healthz', { config: { public: true } }, async () => ({ status: 'ok' }));
  app.get('/readyz', { config: { public: true } }, async (_request, reply) => {
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await passes(check)] as const),
    );
    const ready = results.every(([, passed]) => passed);
    return reply.code(ready ? 200 : 503).send({
      status: ready ? 'ready' : 'not ready',
      checks: Object.fromEntries(results.map(([name, passed]) => [name, passed ? 'ok' : 'failed'])),
    });
  });
}

async function passes(check: () => Promise<unknown>): Promise<boolean> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('late')), CHECK_LIMIT_MS);
  return Promise.race([check(), late])
    .then(
      () => true,
      () => false,
    )
    .finally(() => clearTimeout(timer));
}
