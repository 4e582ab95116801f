/** Spearman's rank correlation, equal values sharing the mean of their ranks; 0 when either side is constant. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  return correlation(ranks(a), ranks(b));
}

function ranks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((i, j) => values[i]! - values[j]!);
  const result = Array<number>(values.length);
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) result[order[i]!] = (start + end - 1) / 2;
  }
  return result;
}

/** Pearson's. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const meanA = mean(a);
  const meanB = mean(b);
  let [both, squareA, squareB] = [0, 0, 0];
  for (const [i, value] of a.entries()) {
    both += (value - meanA) * (b[i]! - meanB);
    squareA += (value - meanA) ** 2;
    squareB += (b[i]! - meanB) ** 2;
  }
  return squareA > 0 && squareB > 0 ? both / Math.sqrt(squareA * squareB) : 0;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Counts of one label's decisions, for F1. */
export class Decisions {
  #hits = 0;
  #false = 0;
  #missed = 0;

  add(predicted: boolean, actual: boolean): void {
    if (predicted && actual) this.#hits++;
    else if (predicted) this.#false++;
    else if (actual) this.#missed++;
  }

  /** 2 TP / (2 TP + FP + FN); undefined for a label that neither the data nor the model knows. */
  get f1(): number | undefined {
    const all = 2 * this.#hits + this.#false + this.#missed;
    return all === 0 ? undefined : (2 * this.#hits) / all;
  }
}
