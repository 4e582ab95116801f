/** Where a training job may report to, as an API asks for it. */
import { AtelierError } from '@atelier/errors';
import { z } from 'zod';

const name = z.string().min(1).max(200);
/** As it travels in a header. */
const secret = z.string().regex(/^[\x21-\x7e]{1,500}$/, 'must be printable, without spaces');

export const integrationSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('wandb'),
    project: name.regex(/^[^/\\#?%:]+$/, 'must not contain / \\ # ? % :'),
    runName: name.optional(),
    apiKey: secret,
  }),
  z.strictObject({
    kind: z.literal('mlflow'),
    experiment: name,
    runName: name.optional(),
    token: secret.optional(),
  }),
]);
export type Integration = z.infer<typeof integrationSchema>;

/** At most so many places for one job. */
const most = 10;

/** What is kept of an integration: its secret apart from the rest. @throws AtelierError `invalid_request` */
export function checkIntegrations(
  given: readonly Integration[],
  { mlflowUrl }: { mlflowUrl: string | null },
): { kind: Integration['kind']; settings: ReportSettings; secret: string | null }[] {
  const refuse = (reason: string) => new AtelierError('invalid_request', { reason: `integrations: ${reason}` });
  if (given.length > most) throw refuse(`more than ${most}`);
  return given.map((each) => {
    const parsed = integrationSchema.safeParse(each);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      throw refuse(`${issue.path.join('.')}: ${issue.message}`);
    }
    const integration = parsed.data;
    const runName = integration.runName ?? null;
    if (integration.kind === 'wandb')
      return { kind: 'wandb', settings: { group: integration.project, runName }, secret: integration.apiKey };
    if (mlflowUrl === null) throw refuse('this server has no MLflow: its operator sets ATELIER_MLFLOW_URL');
    return { kind: 'mlflow', settings: { group: integration.experiment, runName }, secret: integration.token ?? null };
  });
}

/** `group`: W&B's project, MLflow's experiment. */
export type ReportSettings = { group: string; runName: string | null };
