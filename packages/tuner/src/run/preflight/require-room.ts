import { AtelierError } from '@atelier/errors';
import type { Fitting, MemoryPlan } from '../../contract/index.ts';
import { fittingSettings, memoryLimit, planMemory, type PlannedRun } from './memory-plan.ts';

/** The memory of the run. Throws out_of_memory, naming settings that fit, when there is less. */
export async function requireRoom(run: PlannedRun): Promise<MemoryPlan> {
  const memory = await planMemory(run);
  const { limit } = memoryLimit(run.spec);
  if (memory.total > limit) throw outOfMemory(memory.total, limit, await fittingSettings(run, limit));
  return memory;
}

export function outOfMemory(needed: number, limit: number, fitting: readonly Fitting[]): AtelierError {
  return new AtelierError('out_of_memory', {
    needed: megabytes(needed),
    limit: megabytes(limit),
    fitting: fitting.length > 0 ? fitting.map(inWords).join('; or ') : 'nothing that was tried',
  });
}

function inWords({ method, hyperParameters, total }: Fitting): string {
  const settings = { ...(method && { method }), ...hyperParameters };
  const named = Object.entries(settings).map(([name, value]) => `${name} ${String(value)}`);
  return `${named.join(', ')} (${megabytes(total)})`;
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
