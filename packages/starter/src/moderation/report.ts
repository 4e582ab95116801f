/**
 * node packages/starter/src/moderation/report.ts [DIRECTORY]: asks the committed moderation model (or the one in DIRECTORY)
 * and writes how far it can be trusted into docs/reference/moderation-model.md, between the markers.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEngine } from '@atelier/engine';
import { modelsDirectory, starterModelPath } from '../model-files.ts';
import { categoryNames, moderationRecords, type ModerationRecord } from './corpus.ts';
import { handWritten } from './hand-written.ts';
import { falseAlarms, reportOf, type Judged } from './score.ts';

/** Score from which on the server counts a text as one of a category. */
const threshold = 0.5;
/** Not that of training; the templates were not trained whatever it is. */
const seed = 99;
const heldOutRecords = 2000;
const card = fileURLToPath(new URL('../../../../docs/reference/moderation-model.md', import.meta.url));
const markers = { begin: '<!-- report: begin -->', end: '<!-- report: end -->' };

async function judge(directory: string, records: readonly ModerationRecord[]): Promise<Judged[]> {
  await using engine = createEngine({ gpu: 'off', threads: 1, logger: { debug() {}, info() {}, warn: console.warn } });
  const { results } = await engine.classify({
    model: {
      path: starterModelPath,
      adapter: { path: path.join(directory, 'adapter.gguf') },
      head: { path: path.join(directory, 'head.json') },
    },
    owner: 'report',
    inputs: records.map(({ text }) => ({ kind: 'text', text })),
  });
  return results.map(([target], index) => ({
    category: records[index]!.labels.category,
    scores: Object.fromEntries(target!.labels.map((label, at) => [label, target!.values[at]!])),
  }));
}

const percent = (share: number): string => (Number.isNaN(share) ? '-' : `${(100 * share).toFixed(0)} %`);

/** The tables of the card, in Markdown. */
export function renderReport(templates: readonly Judged[], sentences: readonly Judged[]): string {
  const [held, written] = [templates, sentences].map((judged) => reportOf(categoryNames, judged, threshold));
  const alarms = (judged: readonly Judged[]): string => {
    const { alarms: count, harmless } = falseAlarms(judged, threshold);
    return `${percent(count / harmless)} of ${harmless}`;
  };
  return [
    '| | held-out templates | | | sentences written by hand | | |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    '| category | texts | precision | recall | texts | precision | recall |',
    ...categoryNames.map((category, index) => {
      const cells = [held![index]!, written![index]!].flatMap(({ examples, precision, recall }) => [
        String(examples),
        percent(precision),
        percent(recall),
      ]);
      return `| \`${category}\` | ${cells.join(' | ')} |`;
    }),
    '',
    `Harmless texts said to fall into some category: ${alarms(templates)} of held-out templates, ${alarms(sentences)} written by hand.`,
  ].join('\n');
}

if (import.meta.main) {
  const directory = process.argv[2] ?? path.join(modelsDirectory, 'moderation');
  const templates = await judge(directory, moderationRecords(seed, 'heldOut').take(heldOutRecords).toArray());
  const sentences = await judge(
    directory,
    handWritten.map(({ text, category }) => ({ kind: 'labelled', text, labels: { category } })),
  );
  const report = renderReport(templates, sentences);
  console.log(report);
  for (const { category, scores } of process.argv[2] === undefined ? [] : sentences)
    console.log(
      category,
      Object.entries(scores).filter(([, score]) => score >= 0.3),
    );
  if (process.argv[2] === undefined) {
    const text = await readFile(card, 'utf8');
    const [before, after] = [text.split(markers.begin)[0]!, text.split(markers.end)[1]!];
    await writeFile(card, `${before}${markers.begin}\n${report}\n${markers.end}${after}`);
  }
}
