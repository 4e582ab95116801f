/**
 * Kahneman-Tversky optimization (Ethayarajh et al. 2024, arXiv 2402.01306): a desirable answer loses
 * 1 - sigmoid(reward - z), an undesirable one 1 - sigmoid(z - reward), with rewards as in DPO. The paper's reference point
 * z is the divergence from the reference, estimated on answers of other prompts; here it is the mean reward of the
 * micro-batch's own answers, at least 0, which costs nothing more. No gradient flows through it.
 */
import type { Tape } from '../../graph/tape.ts';
import type { Value } from '../../graph/value.ts';
import { add, subtract } from '../../operations/elementwise.ts';
import { affine, sigmoid, weighted } from '../../operations/functions.ts';
import { rewardOf } from './dpo.ts';
import type { PreferenceLoss, Side } from './loss.ts';

export const kto: PreferenceLoss = {
  takesRatings: true,
  hasReference: true,
  perToken: false,
  judge(tape, chosen, rejected, { preferenceBeta, rewardClip, desirableWeight, undesirableWeight }) {
    const rewards = {
      chosen: rewardOf(tape, chosen, preferenceBeta, rewardClip),
      rejected: rewardOf(tape, rejected, preferenceBeta, rewardClip),
    };
    const point = referencePoint(tape, [
      [rewards.chosen, chosen],
      [rewards.rejected, rejected],
    ]);
    // 1 - sigmoid(x) = sigmoid(-x)
    const desirable = sigmoid(tape, subtract(tape, point, rewards.chosen));
    const undesirable = sigmoid(tape, subtract(tape, rewards.rejected, point));
    const losses = add(
      tape,
      affine(tape, weighted(tape, desirable, chosen.present.tensor), desirableWeight),
      affine(tape, weighted(tape, undesirable, rejected.present.tensor), undesirableWeight),
    );
    return { losses, rewards };
  },
};

/** The mean reward of all answers that are there, at least 0, for each example the same. */
function referencePoint(tape: Tape, sides: readonly (readonly [Value, Side])[]): Value {
  const { c, context } = tape;
  const [rewards, counts] = [0, 1].map((which) =>
    sides
      .map(([reward, { present }]) =>
        c.ggml_sum(context, which === 0 ? c.ggml_mul(context, reward.tensor, present.tensor) : present.tensor),
      )
      .reduce((sum, next) => c.ggml_add(context, sum, next)),
  );
  const mean = c.ggml_relu(context, c.ggml_div(context, rewards!, counts!));
  const [{ tensor, shape }] = sides[0]!;
  return { name: 'reference point', tensor: c.ggml_repeat(context, mean, tensor), shape, needsGradient: false };
}
