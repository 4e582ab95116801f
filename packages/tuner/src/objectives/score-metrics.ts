import { probabilities } from '@atelier/data';
import { outputsOf, type Unit } from './linear-head.ts';
import type { Metrics } from './objective.ts';
import { Decisions, mean, spearman } from './statistics.ts';
import type { Target } from './targets.ts';

/** What a validation of classes and numbers measures; `units` are those of scalar targets. Unknown targets do not count. */
export function scoreMetrics(targets: readonly Target[], units: readonly Unit[]): Metrics {
  const measured = targets.map((target) => ({
    target,
    decisions: target.labels.map(() => new Decisions()),
    right: 0,
    decided: 0,
    predicted: [] as number[],
    actual: [] as number[],
  }));
  let rows = 0;
  return {
    add({ inputs = {}, rowCount = 0 }, { outputs }) {
      rows += rowCount;
      for (const [index, each] of measured.entries()) {
        const { target, decisions } = each;
        const count = outputsOf(target);
        const raw = outputs[`raw.${index}`]!;
        const wanted = inputs[`targets.${index}`]!;
        const weights = inputs[`weights.${index}`]!;
        for (let row = 0; row < rowCount; row++) {
          const values = probabilities(target.kind, [...raw.subarray(row * count, (row + 1) * count)]);
          if (target.kind === 'scalar') {
            if (weights[row] === 0) continue;
            const { mean: middle, deviation } = units[index]!;
            each.predicted.push(values[0]! * deviation + middle);
            each.actual.push(wanted[row]! * deviation + middle);
            continue;
          }
          const top = values.indexOf(Math.max(...values));
          if (target.kind === 'single' && weights[row]! > 0) {
            each.decided++;
            if (wanted[row * count + top] === 1) each.right++;
          }
          for (const [label, value] of values.entries()) {
            if (!(weights[target.kind === 'single' ? row : row * count + label]! > 0)) continue;
            const predicted = target.kind === 'single' ? label === top : value >= 0.5;
            const actual = wanted[row * count + label] === 1;
            decisions[label]!.add(predicted, actual);
            if (target.kind === 'single') continue;
            each.decided++;
            if (predicted === actual) each.right++;
          }
        }
      }
    },
    summary() {
      const scalar = measured.filter(({ target, actual }) => target.kind === 'scalar' && actual.length > 0);
      const classes = measured.filter(({ decided }) => decided > 0);
      const f1 = classes.flatMap(({ decisions }) => decisions.flatMap((label) => label.f1 ?? []));
      return {
        rows,
        ...(classes.length > 0 && { accuracy: mean(classes.map(({ right, decided }) => right / decided)) }),
        ...(f1.length > 0 && { macroF1: mean(f1) }),
        ...(scalar.length > 0 && {
          meanAbsoluteError: mean(
            scalar.map(({ predicted, actual }) => mean(predicted.map((value, i) => Math.abs(value - actual[i]!)))),
          ),
          spearman: mean(scalar.map(({ predicted, actual }) => spearman(predicted, actual))),
        }),
      };
    },
  };
}
