/** The life of a deployment as one table; see ../training/states.ts for how it is used. */
import type { DeploymentState } from '../../storage/database/tables.ts';

export type { DeploymentState };

const transitions: Readonly<Record<DeploymentState, readonly DeploymentState[]>> = {
  pending: ['deploying', 'failed', 'cancelled'],
  deploying: ['deployed', 'failed', 'cancelled', 'timed_out'],
  /** A model file that stops loading (moved, damaged) fails a deployment that was up. */
  deployed: ['failed', 'cancelled'],
  failed: [],
  cancelled: [],
  timed_out: [],
};

export const deploymentStates = Object.keys(transitions) as DeploymentState[];

export function canMove(from: DeploymentState, to: DeploymentState): boolean {
  return transitions[from].includes(to);
}

/** The states that `to` may be entered from. */
export function statesBefore(to: DeploymentState): DeploymentState[] {
  return deploymentStates.filter((from) => canMove(from, to));
}

export function isFinished(state: DeploymentState): boolean {
  return transitions[state].length === 0;
}
