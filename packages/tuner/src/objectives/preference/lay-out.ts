/** Examples laid out in bins: prompt, chosen answer, rejected answer, the answers at the positions they have in a chat. */
import type { BatchArrays, BatchLayout, Stretch } from '../../run/batch.ts';
import type { Example } from './examples.ts';

export type LayOutOptions = {
  /** An answer's tokens count for their mean rather than their sum. */
  readonly perToken: boolean;
  /** What the loss is divided by counts answers rather than examples. */
  readonly countsAnswers: boolean;
  /** Log-probabilities of example i's answers by the reference: chosen at 2 i, rejected at 2 i + 1. */
  readonly reference?: Float32Array;
};

/** Lays examples out by their indexes, a list for each bin. Throws a RangeError when they do not fit: a bug in the packing. */
export function layOutExamples(
  examples: readonly Example[],
  bins: readonly (readonly number[])[],
  { length, bins: binRoom, wanted: wantedRoom, rows: exampleRoom = 0 }: BatchLayout,
  { perToken, countsAnswers, reference }: LayOutOptions,
): BatchArrays {
  const tokens = new Int32Array(length * binRoom);
  const positions = new Int32Array(length * binRoom);
  const wanted = new Int32Array(wantedRoom);
  const targets = new Int32Array(wantedRoom);
  const weights = new Float32Array(wantedRoom);
  const inputs = {
    examples: new Int32Array(wantedRoom),
    chosenFactors: new Float32Array(wantedRoom),
    rejectedFactors: new Float32Array(wantedRoom),
    present: new Float32Array(exampleRoom),
    chosenPresent: new Float32Array(exampleRoom),
    rejectedPresent: new Float32Array(exampleRoom),
    chosenReference: new Float32Array(exampleRoom),
    rejectedReference: new Float32Array(exampleRoom),
  };
  const stretches: Stretch[][] = [];
  let [count, place, tokenCount, weightSum] = [0, 0, 0, 0];
  for (const [bin, members] of bins.entries()) {
    const start = bin * length;
    let at = 0;
    const inBin: Stretch[] = [];
    const write = (part: Int32Array, position: number, prefix?: Stretch['prefix']): number => {
      const from = at;
      tokens.set(part, start + from);
      for (let i = 0; i < part.length; i++) positions[start + from + i] = position + i;
      at += part.length;
      inBin.push({ from, to: at, ...(prefix && { prefix }) });
      return from;
    };
    for (const index of members) {
      const { prompt, chosen, rejected } = examples[index]!;
      const from = write(prompt, 0);
      const prefix = { from, to: at };
      for (const [side, answer, factors, present, referenceOf, which] of [
        ['chosen', chosen, inputs.chosenFactors, inputs.chosenPresent, inputs.chosenReference, 0],
        ['rejected', rejected, inputs.rejectedFactors, inputs.rejectedPresent, inputs.rejectedReference, 1],
      ] as const) {
        if (!answer) continue;
        const answerAt = write(answer.tokens, prompt.length, prefix);
        if (at > length || count + answer.targets.length > wantedRoom)
          throw new RangeError(`a ${side} answer beyond a layout of ${length} positions, ${wantedRoom} of them wanted`);
        for (const [i, target] of answer.targets.entries()) {
          const inAnswer = answer.places[i]!;
          wanted[count] = start + (inAnswer < 0 ? prefix.to - 1 : answerAt + inAnswer);
          targets[count] = target;
          weights[count] = 1;
          inputs.examples[count] = place;
          factors[count] = perToken ? 1 / answer.targets.length : 1;
          count++;
        }
        present[place] = 1;
        if (reference) referenceOf[place] = reference[2 * index + which]!;
        if (countsAnswers) weightSum++;
      }
      inputs.present[place] = 1;
      if (!countsAnswers) weightSum++;
      place++;
    }
    tokenCount += at;
    stretches.push(inBin);
  }
  if (place > exampleRoom) throw new RangeError(`${place} examples in a layout of ${exampleRoom}`);
  return { tokens, positions, stretches, wanted, targets, weights, tokenCount, weightSum, inputs };
}
