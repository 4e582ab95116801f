/** Precision and recall of thresholded scores, category by category. */
export type Judged = { category: readonly string[]; scores: Readonly<Record<string, number>> };

export type CategoryReport = {
  category: string;
  /** Texts that fall into it. */
  examples: number;
  /** Share of the texts said to fall into it that do; NaN where none was said to. */
  precision: number;
  /** Share of the texts that fall into it that are said to. */
  recall: number;
};

export function reportOf(
  categories: readonly string[],
  judged: readonly Judged[],
  threshold: number,
): CategoryReport[] {
  return categories.map((category) => {
    const count = (test: (said: boolean, is: boolean) => boolean): number =>
      judged.filter((each) => test(each.scores[category]! >= threshold, each.category.includes(category))).length;
    const right = count((said, is) => said && is);
    const examples = count((_, is) => is);
    return { category, examples, precision: right / count((said) => said), recall: right / examples };
  });
}

/** Share of the harmless texts that are said to fall into some category. */
export function falseAlarms(judged: readonly Judged[], threshold: number): { alarms: number; harmless: number } {
  const harmless = judged.filter(({ category }) => category.length === 0);
  const alarms = harmless.filter(({ scores }) => Object.values(scores).some((score) => score >= threshold)).length;
  return { alarms, harmless: harmless.length };
}
