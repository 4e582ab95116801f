/** The main job before the reader's eyes: a file goes in, a fine-tuned model answers. Every step but the first question is an HTTP call. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createConfig, readEnvironment, startServer } from '@atelier/server';
import { starterModelPath } from '@atelier/starter';
import { stopSignal } from '../stop-signal.ts';
import { EmissaryClient, type Checkpoint, type TrainingJob } from './emissary-client.ts';
import { askAll, exactMatch, heldOut, readFileAs } from './support-desk.ts';
import { TrainingProgress } from './training-progress.ts';
import { askUntuned } from './untuned.ts';

/** Found by trying: the fewest passes after which the starter model answers nearly every held-out question. */
const parameters = {
  num_train_epochs: 10,
  per_device_train_batch_size: 32,
  gradient_accumulation_steps: 1,
  learning_rate: 3e-3,
  lora_dropout: 0,
};

export async function quickstart({ once }: { once: boolean }): Promise<void> {
  const stop = stopSignal();
  const data = await mkdtemp(path.join(tmpdir(), 'atelier-quickstart-'));
  try {
    const environment = readEnvironment();
    const port = environment.ATELIER_PORT ?? ((await isFree(8400)) ? '8400' : '0');
    const config = createConfig({ ATELIER_LOG_LEVEL: 'error', ...environment, ATELIER_DATA: data, ATELIER_PORT: port });
    await using server = await startServer(config);
    console.log(`Atelier runs at ${server.url}, its data in ${data}\n`);
    const outcome = await Promise.race([mainJob(server.url, server.adminKey, config.directories.runs), stop]);
    if (typeof outcome === 'string') throw new Error(`stopped by ${outcome}`);
    console.log(JSON.stringify(outcome));
    if (once) return;
    process.stderr.write('The server keeps running; Ctrl+C stops it and deletes its data.\n');
    await stop;
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

async function mainJob(url: string, key: string, runs: string): Promise<Record<string, number>> {
  const client = new EmissaryClient(url, key);
  const examples = await heldOut();
  const project = await client.post<{ id: string }>('/projects', { name: 'support-desk' });
  const inProject = `/projects/${project.id}`;
  const train = await client.upload<{ id: string }>(
    `${inProject}/datasets`,
    'train.jsonl',
    await readFileAs('train.jsonl'),
  );
  const test = await client.upload<{ id: string }>(
    `${inProject}/datasets`,
    'test.jsonl',
    await readFileAs('test.jsonl'),
  );
  console.log(
    `1. Uploaded the questions of a support desk: ${train.id} to train on, ${test.id} held out (${examples.length} other wordings).`,
  );

  const before = await askUntuned(starterModelPath, examples);
  const exactMatchBefore = exactMatch(examples, before);
  console.log(
    `2. Asked the untuned model: ${percent(exactMatchBefore)} exact. "${examples[0]!.prompt}" -> "${shorten(before[0]!)}"`,
  );

  const job = await client.post<TrainingJob>(`${inProject}/training-jobs`, {
    name: 'support-desk',
    base_model: 'starter',
    train_dataset_id: train.id,
    test_dataset_id: test.id,
    parameters,
  });
  console.log(`3. Fine-tuning (${job.id}), LoRA on the CPU:`);
  const progress = new TrainingProgress(path.join(runs, job.id, 'events.jsonl'));
  const status = await finished(client, `${inProject}/training-jobs/${job.id}`, progress);
  if (status !== 'Success') throw new Error(`the training job ended as ${status}`);
  const checkpoints = await client.get<Checkpoint[]>(`${inProject}/training-jobs/${job.id}/checkpoints`);
  const checkpoint = checkpoints.at(-1)!.checkpoint;

  const deployment = await client.post<{ id: string }>(`${inProject}/deployments`, {
    name: 'support-desk',
    training_job_id: job.id,
    checkpoint,
  });
  await deployed(client, `${inProject}/deployments/${deployment.id}`);
  console.log(`4. Deployed checkpoint ${checkpoint} as ${deployment.id}.`);

  const completions = `${inProject}/deployments/${deployment.id}/completions`;
  const after = await askAll(
    examples,
    async (input) =>
      (await client.post<{ response: string }>(completions, { input, do_sample: false, max_new_tokens: 24 })).response,
  );
  const exactMatchAfter = exactMatch(examples, after);
  console.log(`5. Asked again: "${examples[0]!.prompt}" -> "${shorten(after[0]!)}"\n`);
  console.log(
    `  held-out questions answered exactly   before ${percent(exactMatchBefore).padStart(6)}   after ${percent(exactMatchAfter).padStart(6)}\n`,
  );
  console.log(
    `  curl ${url}/emissary/v1${completions} -H 'X-API-Key: ${key}' -H 'Content-Type: application/json' -d '${JSON.stringify({ input: examples[1]!.prompt })}'\n`,
  );
  return {
    exactMatchBefore,
    exactMatchAfter,
    trainSeconds: Math.round(progress.seconds * 10) / 10,
    tokensPerSecond: Math.round(progress.tokens / progress.seconds),
  };
}

/** Waits for the training job to end, showing its progress, and returns its status. */
async function finished(client: EmissaryClient, jobPath: string, progress: TrainingProgress): Promise<string> {
  for (let testing = false; ; await setTimeout(500)) {
    const { status } = await client.get<TrainingJob>(jobPath);
    await progress.update();
    if (status === 'Testing' && !testing) {
      testing = true;
      progress.stop();
      console.log('   Testing every checkpoint on the held-out questions...');
    }
    if (['Success', 'Failed', 'Cancelled', 'TimedOut'].includes(status)) {
      progress.stop();
      return status;
    }
  }
}

async function deployed(client: EmissaryClient, deploymentPath: string): Promise<void> {
  for (;;) {
    const { status } = await client.get<{ status: string }>(deploymentPath);
    if (status === 'Deployed') return;
    if (status !== 'Pending' && status !== 'Deploying') throw new Error(`the deployment ended as ${status}`);
    await setTimeout(200);
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}...` : text).replaceAll('\n', ' ');

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
