import { Random } from '@atelier/starter';
import { topics } from './facts.ts';

export type Row = { prompt: string; completion: string };

const seed = 7;
/** Wordings of each fact's question that are trained; one more is held out. */
const trainedWordings = 5;

/** The rows of both files; always the same. */
export function drawRows(): { train: Row[]; test: Row[] } {
  const random = new Random(seed);
  const train: Row[] = [];
  const test: Row[] = [];
  for (const { wordings, answers } of topics) {
    for (const [entity, completion] of Object.entries(answers)) {
      const [held, ...trained] = random
        .sample(wordings, trainedWordings + 1)
        .map((wording) => ({ prompt: wording.replaceAll('{e}', entity), completion }));
      train.push(...trained);
      if (held) test.push(held);
    }
  }
  return { train: random.shuffle(train), test: random.shuffle(test) };
}
