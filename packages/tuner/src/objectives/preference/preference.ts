/** Learning which of two answers is better, or whether one is good: DPO, ORPO and KTO over one machinery. */
import type { HyperParameters } from '../../contract/index.ts';
import type { Metrics, Objective, ObjectiveData, Setting } from '../objective.ts';
import { dpo } from './dpo.ts';
import { answersOf, readExamples, sizeOf, type Examples } from './examples.ts';
import { kto } from './kto.ts';
import { layOutExamples } from './lay-out.ts';
import { buildPreferenceLoss, type PreferenceLoss } from './loss.ts';
import { orpo } from './orpo.ts';
import { askReference } from './reference.ts';

export const losses: Record<HyperParameters['preferenceLoss'], PreferenceLoss> = { dpo, orpo, kto };

export async function preference(setting: Setting): Promise<Objective> {
  const h = setting.spec.hyperParameters;
  const loss = losses[h.preferenceLoss];
  const kinds = loss.takesRatings ? (['preference', 'rating'] as const) : (['preference'] as const);
  const train = await readExamples(setting, setting.train, kinds);
  const held = await readExamples(setting, setting.validation, kinds);
  const all = [...train.examples, ...held.examples];
  const reference = loss.hasReference ? new Float32Array(2 * all.length) : undefined;
  return {
    training: dataOf(train, loss, reference?.subarray(0, 2 * train.examples.length)),
    validation: dataOf(held, loss, reference?.subarray(2 * train.examples.length)),
    buildLoss: buildPreferenceLoss(loss, h),
    countsRows: true,
    metrics: rewardMetrics,
    stepMetrics: rewardMetrics,
    ...(reference && { prepare: (run) => askReference(setting, all, reference, h.batchTokens, run) }),
  };
}

function dataOf(
  { examples, truncated }: Examples,
  { perToken, takesRatings }: PreferenceLoss,
  reference: Float32Array | undefined,
): ObjectiveData {
  const rows = examples.map(sizeOf);
  return {
    rows,
    tokens: rows.reduce((sum, { tokens }) => sum + tokens, 0),
    supervised: takesRatings ? examples.reduce((sum, example) => sum + answersOf(example).length, 0) : examples.length,
    truncated,
    layOut: (bins, layout) =>
      layOutExamples(examples, bins, layout, {
        perToken,
        countsAnswers: takesRatings,
        ...(reference && { reference }),
      }),
  };
}

/** Mean reward of chosen less that of rejected answers, and how often the chosen one of a pair has more. */
function rewardMetrics(): Metrics {
  const sums = { chosen: 0, rejected: 0 };
  const counts = { chosen: 0, rejected: 0 };
  let [pairs, right, rows] = [0, 0, 0];
  return {
    add({ inputs }, { outputs }) {
      const { chosenRewards, rejectedRewards } = outputs;
      for (let i = 0; i < chosenRewards!.length; i++) {
        const [chosen, rejected] = [inputs!['chosenPresent']![i] === 1, inputs!['rejectedPresent']![i] === 1];
        if (chosen || rejected) rows++;
        if (chosen) {
          sums.chosen += chosenRewards![i]!;
          counts.chosen++;
        }
        if (rejected) {
          sums.rejected += rejectedRewards![i]!;
          counts.rejected++;
        }
        if (!chosen || !rejected) continue;
        pairs++;
        if (chosenRewards![i]! > rejectedRewards![i]!) right++;
      }
    },
    summary: () => ({
      rows,
      ...(counts.chosen > 0 &&
        counts.rejected > 0 && { rewardMargin: sums.chosen / counts.chosen - sums.rejected / counts.rejected }),
      ...(pairs > 0 && { accuracy: right / pairs }),
    }),
  };
}
