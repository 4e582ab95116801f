/**
 * Odds ratio preference optimization (Hong et al. 2024, arXiv 2403.07691): the chosen answer is learnt as in supervised
 * training, and beta weighs -log sigmoid of how much better its odds are than the rejected one's. No reference; an
 * answer's probability is the geometric mean over its tokens.
 */
import { add, subtract } from '../../operations/elementwise.ts';
import { affine, logOdds, logSigmoid } from '../../operations/functions.ts';
import type { PreferenceLoss } from './loss.ts';

export const orpo: PreferenceLoss = {
  takesRatings: false,
  hasReference: false,
  perToken: true,
  judge(tape, chosen, rejected, { preferenceBeta }) {
    const ratio = subtract(tape, logOdds(tape, chosen.likelihood), logOdds(tape, rejected.likelihood));
    const preferring = affine(tape, logSigmoid(tape, ratio), -preferenceBeta);
    return {
      losses: add(tape, affine(tape, chosen.likelihood, -1), preferring),
      rewards: {
        chosen: affine(tape, chosen.likelihood, preferenceBeta),
        rejected: affine(tape, rejected.likelihood, preferenceBeta),
      },
    };
  },
};
