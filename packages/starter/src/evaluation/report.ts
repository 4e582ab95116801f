/**
 * node packages/starter/src/evaluation/report.ts [MODEL.gguf ...]: asks the committed models (or those named) the held-out
 * tasks and writes what came out into docs/reference/starter-model.md, between the markers.
 */
import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEngine } from '@atelier/engine';
import { MetadataReader, readGguf } from '@atelier/llama/gguf';
import { architectures } from '../architecture.ts';
import { committedTokenizer } from '../tokenizer/committed-tokenizer.ts';
import { answerTasks } from './answer-tasks.ts';
import { scoreBySkill, type SkillScore } from './score.ts';
import { heldOutTasks, type Task } from './tasks.ts';

/** Of tasks, not of the corpus: the held-out side of it never was trained whatever its seed. */
const seed = 99;
const tasksPerSkill = 200;
const card = fileURLToPath(new URL('../../../../docs/reference/starter-model.md', import.meta.url));
const markers = { begin: '<!-- report: begin -->', end: '<!-- report: end -->' };
const shownCharacters = 90;

type ModelReport = { name: string; parameters: number; bytes: number; scores: SkillScore[] };

async function examine(file: string, tasks: readonly Task[]): Promise<ModelReport> {
  const gguf = await readGguf(file);
  await using engine = createEngine({ gpu: 'off', threads: 1, logger: { debug() {}, info() {}, warn: console.warn } });
  const scores = scoreBySkill(await answerTasks(engine, file, await committedTokenizer(), tasks));
  return {
    name: new MetadataReader(gguf.metadata, file).requireString('general.name'),
    parameters: gguf.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    bytes: (await stat(file)).size,
    scores,
  };
}

const percent = ({ exact, tasks }: Pick<SkillScore, 'exact' | 'tasks'>) => `${((100 * exact) / tasks).toFixed(0)} %`;
const cell = (text: string) =>
  `\`${(text.length > shownCharacters ? `...${text.slice(-shownCharacters)}` : text).replaceAll('\n', '↵').replaceAll('`', "'").replaceAll('|', '\\|')}\``;

function question({ input }: Task): string {
  return input.kind === 'fim' ? `${input.prefix}[hole]${input.suffix}` : (input.messages.at(-1)?.content ?? '');
}

/** The tables of the card, in Markdown. */
export function renderReport(reports: readonly ModelReport[], perSkill: number): string {
  const skills = reports[0]?.scores.map(({ skill }) => skill) ?? [];
  const lines = [
    `Exact matches of greedy answers on ${perSkill} held-out tasks a skill:`,
    '',
    `| skill | ${reports.map(({ name, parameters }) => `${name} (${(parameters / 1e6).toFixed(1)} M)`).join(' | ')} |`,
    `| --- | ${reports.map(() => '---:').join(' | ')} |`,
    ...skills.map(
      (skill) =>
        `| ${skill.replaceAll('_', ' ')} | ${reports.map(({ scores }) => percent(scores.find((score) => score.skill === skill)!)).join(' | ')} |`,
    ),
    '',
    `A miss of each skill, by ${reports[0]?.name}:`,
    '',
    '| skill | end of the prompt | wanted | answered |',
    '| --- | --- | --- | --- |',
    ...(reports[0]?.scores ?? []).flatMap(({ skill, miss }) =>
      miss
        ? [
            `| ${skill.replaceAll('_', ' ')} | ${cell(question(miss.task))} | ${cell(miss.task.expected)} | ${cell(miss.answer)} |`,
          ]
        : [],
    ),
  ];
  return lines.join('\n');
}

if (import.meta.main) {
  const models = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../models');
  const named = process.argv.slice(2);
  const files = (
    named.length > 0 ? named : Object.keys(architectures).map((name) => path.join(models, `${name}.gguf`))
  ).filter((file) => existsSync(file));
  if (files.length === 0) throw new Error('there is no model to report on; train one with npm run starter:train');
  const tasks = heldOutTasks(seed, tasksPerSkill);
  const reports: ModelReport[] = [];
  for (const file of files) reports.push(await examine(file, tasks));
  const report = renderReport(reports, tasksPerSkill);
  console.log(report);
  if (named.length === 0) {
    const text = await readFile(card, 'utf8');
    const [before, after] = [text.split(markers.begin)[0]!, text.split(markers.end)[1]!];
    await writeFile(card, `${before}${markers.begin}\n${report}\n${markers.end}${after}`);
  }
}
