/** The example data set: questions to a support desk with short exact answers. */
import { readFile } from 'node:fs/promises';

export type Example = { prompt: string; completion: string };

const folder = new URL('../../../../examples/support-desk/', import.meta.url);

export async function readFileAs(name: 'train.jsonl' | 'test.jsonl'): Promise<Blob> {
  return new Blob([await readFile(new URL(name, folder))], { type: 'application/jsonl' });
}

/** The questions that training does not see: other wordings of those it does. */
export async function heldOut(): Promise<Example[]> {
  const text = await readFile(new URL('test.jsonl', folder), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Example);
}

/** Share of answers that equal the expected text, white space at the ends aside. */
export function exactMatch(examples: readonly Example[], answers: readonly string[]): number {
  return examples.filter(({ completion }, i) => answers[i]?.trim() === completion.trim()).length / examples.length;
}

/** Asks every question, a few at a time, and returns the answers in order. */
export async function askAll(
  examples: readonly Example[],
  ask: (prompt: string) => Promise<string>,
): Promise<string[]> {
  const answers: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < examples.length; i = next++) answers[i] = await ask(examples[i]!.prompt);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return answers;
}
