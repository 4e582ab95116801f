import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deploymentStatus, detailStatus, summaryStatus } from '../src/apis/emissary/translate/vocabulary.ts';
import { deploymentDetailSchema } from '../src/apis/emissary/schemas/deployments.ts';
import { trainingJobDetailSchema, trainingJobSummarySchema } from '../src/apis/emissary/schemas/training-jobs.ts';
import * as deployment from '../src/core/deployments/states.ts';
import {
  canMove,
  isFinished,
  stateAfterCancel,
  statesBefore,
  trainingStates,
  type TrainingState,
} from '../src/core/training/states.ts';

const anyState = fc.constantFrom(...trainingStates);

describe('the states of a training job', () => {
  it('can all be reached from queued, and from each the end can be reached', () => {
    const reachable = (from: TrainingState): Set<TrainingState> => {
      const seen = new Set<TrainingState>([from]);
      for (const state of seen) for (const next of trainingStates) if (canMove(state, next)) seen.add(next);
      return seen;
    };
    expect([...reachable('queued')].sort()).toEqual([...trainingStates].sort());
    fc.assert(fc.property(anyState, (state) => [...reachable(state)].some(isFinished)));
  });

  it('never go round: no walk visits a state twice', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: trainingStates.length - 1 }), { maxLength: 40 }), (choices) => {
        const visited: TrainingState[] = ['queued'];
        for (const choice of choices) {
          const next = trainingStates.filter((to) => canMove(visited.at(-1)!, to));
          if (next.length === 0) break;
          visited.push(next[choice % next.length]!);
        }
        expect(new Set(visited).size).toBe(visited.length);
      }),
    );
  });

  it('agree between the two ways of asking', () => {
    fc.assert(fc.property(anyState, anyState, (from, to) => canMove(from, to) === statesBefore(to).includes(from)));
  });

  it('let a cancelled job end as nothing but cancelled, whatever its worker goes on to do', () => {
    fc.assert(
      fc.property(anyState, fc.array(anyState), (state, wanted) => {
        const cancelled = stateAfterCancel(state);
        let now = cancelled ?? 'cancelled';
        for (const to of wanted) if (canMove(now, to)) now = to;
        expect(['cancelling', 'cancelled']).toContain(now);
        if (cancelled === undefined) expect(isFinished(state)).toBe(true);
      }),
    );
  });

  it('stay when the job is over, also when it is cancelled then', () => {
    for (const state of trainingStates.filter(isFinished)) {
      expect(trainingStates.filter((to) => canMove(state, to))).toEqual([]);
      expect(stateAfterCancel(state)).toBe(state === 'cancelled' ? 'cancelled' : undefined);
    }
  });

  it('have a published word each, in details and in summaries', () => {
    for (const state of trainingStates) {
      expect(trainingJobDetailSchema.shape.status.safeParse(detailStatus[state]).success).toBe(true);
      expect(trainingJobSummarySchema.shape.status.safeParse(summaryStatus(state)).success).toBe(true);
    }
    expect([detailStatus.evaluating, summaryStatus('evaluating')]).toEqual(['Testing', 'Running']);
  });
});

describe('the states of a deployment', () => {
  it('lead from pending to every other one, and have a published word each', () => {
    const seen = new Set<deployment.DeploymentState>(['pending']);
    for (const state of seen)
      for (const next of deployment.deploymentStates) if (deployment.canMove(state, next)) seen.add(next);
    expect([...seen].sort()).toEqual([...deployment.deploymentStates].sort());
    for (const state of seen)
      expect(deploymentDetailSchema.shape.status.safeParse(deploymentStatus[state]).success).toBe(true);
  });

  it('are final once a deployment has failed, timed out or been cancelled', () => {
    expect(deployment.deploymentStates.filter(deployment.isFinished).sort()).toEqual([
      'cancelled',
      'failed',
      'timed_out',
    ]);
  });
});
