/**
 * The life of a training job as one table. Every change of state, by a request or by a worker, is a conditional update
 * whose condition comes from here, so that no interleaving of the two can leave the table.
 */
import { trainingStates, type TrainingState } from '../../storage/database/tables.ts';

export { trainingStates, type TrainingState };

const transitions: Readonly<Record<TrainingState, readonly TrainingState[]>> = {
  queued: ['validating', 'failed', 'cancelled'],
  validating: ['validated', 'failed', 'cancelling', 'timed_out'],
  validated: ['running', 'failed', 'cancelling', 'timed_out'],
  running: ['evaluating', 'failed', 'cancelling', 'timed_out'],
  evaluating: ['saving', 'failed', 'cancelling', 'timed_out'],
  saving: ['succeeded', 'failed', 'cancelling', 'timed_out'],
  cancelling: ['cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
  timed_out: [],
};

export function canMove(from: TrainingState, to: TrainingState): boolean {
  return transitions[from].includes(to);
}

/** The states that `to` may be entered from. */
export function statesBefore(to: TrainingState): TrainingState[] {
  return trainingStates.filter((from) => canMove(from, to));
}

export function isFinished(state: TrainingState): boolean {
  return transitions[state].length === 0;
}

/**
 * The state that a request to cancel leads to. A job that nobody has begun is cancelled at once; one that is being worked
 * on is marked, and its worker ends it. `undefined`: the job has ended in another way and cannot be cancelled any more.
 */
export function stateAfterCancel(from: TrainingState): TrainingState | undefined {
  if (from === 'cancelling' || from === 'cancelled') return from;
  if (canMove(from, 'cancelled')) return 'cancelled';
  return canMove(from, 'cancelling') ? 'cancelling' : undefined;
}
