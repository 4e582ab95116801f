/** MLflow's REST API 2.0. */
import { z } from 'zod';
import { RefusedRequest, requestJson } from '../../../outbound/operator-http.ts';
import type { Sink } from './sink.ts';

/** Of one log-batch request. */
const mostMetrics = 1000;
const mostParameters = 100;
const longestParameter = 500;

const status = { succeeded: 'FINISHED', failed: 'FAILED', cancelled: 'KILLED' } as const;

/** The tag by which a run is found again that was made and not written down. */
const jobTag = 'atelier.job';

const experimentSchema = z.object({ experiment: z.object({ experiment_id: z.string() }) });
const createdSchema = z.object({ experiment_id: z.string() });
const foundSchema = z.object({ runs: z.array(z.object({ info: z.object({ run_id: z.string() }) })).optional() });
const runSchema = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) });

export function mlflow(baseUrl: string, token: string | null): Sink {
  const authorization = token === null ? undefined : `Bearer ${token}`;
  const ask = (path: string, body: unknown, signal: AbortSignal): Promise<unknown> =>
    requestJson(`${baseUrl}/api/2.0/mlflow/${path}`, { authorization, body }, signal);

  async function experiment(name: string, signal: AbortSignal): Promise<string> {
    const find = async (): Promise<string> =>
      experimentSchema.parse(
        await ask(`experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`, undefined, signal),
      ).experiment.experiment_id;
    try {
      return await find();
    } catch (error) {
      if (!(error instanceof RefusedRequest) || error.status !== 404) throw error;
    }
    try {
      return createdSchema.parse(await ask('experiments/create', { name }, signal)).experiment_id;
    } catch (error) {
      // Somebody else may have made it meanwhile.
      if (error instanceof RefusedRequest && error.status === 400) return find();
      throw error;
    }
  }

  return {
    async begin({ id, name, group, startedAt, parameters }, signal) {
      const experimentId = await experiment(group, signal);
      const filter = `tags.\`${jobTag}\` = '${id}'`;
      const search = { experiment_ids: [experimentId], filter, max_results: 1 };
      const found = foundSchema.parse(await ask('runs/search', search, signal)).runs?.[0];
      const tags = [{ key: jobTag, value: id }];
      const made = { experiment_id: experimentId, run_name: name, start_time: startedAt.getTime(), tags };
      const { run_id } = found?.info ?? runSchema.parse(await ask('runs/create', made, signal)).run.info;
      const params = Object.entries(parameters).map(([key, value]) => ({
        key,
        value: (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, longestParameter),
      }));
      for (let from = 0; from < params.length; from += mostParameters)
        await ask('runs/log-batch', { run_id, params: params.slice(from, from + mostParameters) }, signal);
      return {
        remote: { runId: run_id },
        url: `${baseUrl}/#/experiments/${experimentId}/runs/${run_id}`,
      };
    },

    /** Metrics of the same key, time, step and value count once. */
    async log({ runId }, steps, _line, signal) {
      const metrics = steps.flatMap(({ step, at, metrics: values }) =>
        Object.entries(values).map(([key, value]) => ({ key, value, timestamp: at.getTime(), step })),
      );
      for (let from = 0; from < metrics.length; from += mostMetrics)
        await ask('runs/log-batch', { run_id: runId, metrics: metrics.slice(from, from + mostMetrics) }, signal);
    },

    async finish({ runId }, state, at, signal) {
      await ask('runs/update', { run_id: runId, status: status[state], end_time: at.getTime() }, signal);
    },
  };
}
