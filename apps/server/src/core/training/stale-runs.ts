import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Database } from '../../storage/database/database.ts';
import { isFinished } from './states.ts';

/** Removes the run directories of jobs that are over or gone: what a kill between the end of a job and its tidying left. */
export async function removeStaleRuns(runs: string, database: Database): Promise<void> {
  const names = await readdir(runs).catch(() => []);
  if (names.length === 0) return;
  const jobs = await database.selectFrom('training_jobs').select(['id', 'state']).where('id', 'in', names).execute();
  const active = new Set(jobs.filter(({ state }) => !isFinished(state)).map(({ id }) => id));
  for (const name of names)
    if (!active.has(name)) await rm(path.join(runs, name), { recursive: true, force: true, maxRetries: 3 });
}
