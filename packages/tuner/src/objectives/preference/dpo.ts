/**
 * Direct preference optimization (Rafailov et al. 2023, arXiv 2305.18290): an answer's reward is beta times how much
 * likelier the model finds it than the reference does; the loss is -log sigmoid(chosen - rejected - margin). Label
 * smoothing counts a share of the examples as if their answers were swapped (Mitchell 2023, "conservative DPO").
 */
import type { Tape } from '../../graph/tape.ts';
import type { Value } from '../../graph/value.ts';
import { add, subtract } from '../../operations/elementwise.ts';
import { affine, clip, logSigmoid } from '../../operations/functions.ts';
import type { PreferenceLoss, Side } from './loss.ts';

export const dpo: PreferenceLoss = {
  takesRatings: false,
  hasReference: true,
  perToken: false,
  judge(tape, chosen, rejected, { preferenceBeta, labelSmoothing, rewardClip, rewardMargin }) {
    const rewards = {
      chosen: rewardOf(tape, chosen, preferenceBeta, rewardClip),
      rejected: rewardOf(tape, rejected, preferenceBeta, rewardClip),
    };
    const difference = subtract(tape, rewards.chosen, rewards.rejected);
    const as = (sign: 1 | -1, share: number): Value =>
      affine(tape, logSigmoid(tape, affine(tape, difference, sign, -rewardMargin)), -share);
    const straight = as(1, 1 - labelSmoothing);
    return { losses: labelSmoothing === 0 ? straight : add(tape, straight, as(-1, labelSmoothing)), rewards };
  },
};

/** beta * (log p - log p of the reference), kept within +-limit where that is above 0. */
export function rewardOf(tape: Tape, { likelihood, reference }: Side, beta: number, limit: number): Value {
  const reward = affine(tape, subtract(tape, likelihood, reference), beta);
  return limit === 0 ? reward : clip(tape, reward, limit);
}
