/** One object of each kind in the administrator's workspace, without a training run: a job that has ended, with a checkpoint. */
import path from 'node:path';
import { writeTinyAdapter } from '@atelier/llama/testing';
import type { EmissaryServer } from './emissary-server.ts';
import { uploadForm } from './upload.ts';

export type EmissaryObjects = { project: string; dataset: string; job: string; deployment: string };

export const rows = [1, 2, 3]
  .map((n) => JSON.stringify({ prompt: `Question ${n}?`, completion: `Answer ${n}` }))
  .join('\n');

export async function uploadRows(server: EmissaryServer, project: string, key = server.adminKey): Promise<string> {
  const { payload, headers } = uploadForm(rows, 'rows.jsonl');
  const made = await server.inject({
    method: 'POST',
    url: `/emissary/v1/projects/${project}/datasets`,
    headers: { ...headers, 'x-api-key': key },
    payload: await payload,
  });
  return made.json().id;
}

export async function emissaryObjects(server: EmissaryServer, baseModel = 'tiny-chat'): Promise<EmissaryObjects> {
  const project: string = (await server.call('POST', '/emissary/v1/projects', { name: 'p' })).json().id;
  const at = `/emissary/v1/projects/${project}`;
  const dataset = await uploadRows(server, project);
  const job: string = (
    await server.call('POST', `${at}/training-jobs`, { base_model: baseModel, train_dataset_id: dataset })
  ).json().id;
  await endWithCheckpoint(server, job);
  const deployment: string = (
    await server.call('POST', `${at}/deployments`, { training_job_id: job, checkpoint: 1 })
  ).json().id;
  return { project, dataset, job, deployment };
}

/** What a worker would leave behind. */
export async function endWithCheckpoint(server: EmissaryServer, job: string): Promise<void> {
  const file = path.join(server.directory, `${job}.gguf`);
  await writeTinyAdapter(file);
  const { sha256 } = await server.blobs.putFile(file);
  await server.database
    .insertInto('checkpoints')
    .values({
      job_id: job,
      number: 1,
      step: 3,
      adapter_blob: sha256,
      metrics: JSON.stringify({ exact_match: 0.5, examples: 2 }),
      test_result_blob: sha256,
    })
    .execute();
  await server.database
    .updateTable('training_jobs')
    .set({ state: 'succeeded', progress: 1, finished_at: new Date() })
    .where('id', '=', job)
    .execute();
}

/** Waits until `read` gives something that `done` accepts. */
export async function eventually<T>(read: () => Promise<T>, done: (value: T) => boolean, limitMs = 60_000): Promise<T> {
  for (const deadline = performance.now() + limitMs; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const value = await read();
    if (done(value)) return value;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(value).slice(0, 500)}`);
  }
}
