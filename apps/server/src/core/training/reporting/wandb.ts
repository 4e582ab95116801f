/** Weights & Biases: a run is made known through GraphQL; its figures are lines of a file that is streamed. */
import { z } from 'zod';
import { requestJson } from '../../../outbound/operator-http.ts';
import type { Sink } from './sink.ts';

/** Its own words: a run is a bucket, a project a model. */
const upsert = `mutation UpsertBucket($name: String, $project: String, $displayName: String, $config: JSONString) {
  upsertBucket(input: { name: $name, modelName: $project, displayName: $displayName, config: $config }) {
    bucket { name project { name entity { name } } }
  }
}`;

const bucketSchema = z.object({
  data: z.object({
    upsertBucket: z.object({
      bucket: z.object({
        name: z.string(),
        project: z.object({ name: z.string(), entity: z.object({ name: z.string() }) }),
      }),
    }),
  }),
});

export function wandb(baseUrl: string, apiKey: string): Sink {
  const authorization = `Basic ${Buffer.from(`api:${apiKey}`).toString('base64')}`;
  const ask = (path: string, body: unknown, signal: AbortSignal): Promise<unknown> =>
    requestJson(baseUrl + path, { authorization, body }, signal);
  const stream = (remote: Record<string, string>): string =>
    `/files/${[remote['entity'], remote['project'], remote['run']].map((part) => encodeURIComponent(part!)).join('/')}/file_stream`;

  return {
    async begin({ id, name, group, parameters }, signal) {
      const config = Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, { value }]));
      const variables = { name: id, project: group, displayName: name, config: JSON.stringify(config) };
      const answer = bucketSchema.parse(await ask('/graphql', { query: upsert, variables }, signal));
      const { bucket } = answer.data.upsertBucket;
      const remote = { entity: bucket.project.entity.name, project: bucket.project.name, run: bucket.name };
      const site = baseUrl.replace('//api.wandb.ai', '//wandb.ai');
      const path = [remote.entity, remote.project, 'runs', remote.run].map(encodeURIComponent).join('/');
      return { remote, url: `${site}/${path}` };
    },

    /** A line has its place in the file, so a line that is sent again is the same line. */
    async log(remote, steps, line, signal) {
      const lines = steps.map(({ step, at, metrics }) =>
        JSON.stringify({ ...metrics, _step: step, _timestamp: at.getTime() / 1000 }),
      );
      await ask(
        stream(remote),
        {
          files: {
            'wandb-history.jsonl': { offset: line, content: lines },
            'wandb-summary.json': { offset: 0, content: lines.slice(-1) },
          },
        },
        signal,
      );
    },

    async finish(remote, state, _at, signal) {
      await ask(stream(remote), { complete: true, exitcode: state === 'succeeded' ? 0 : 1 }, signal);
    },
  };
}
