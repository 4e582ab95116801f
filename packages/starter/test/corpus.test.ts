import { datasetRecordSchema } from '@atelier/data';
import { describe, expect, it } from 'vitest';
import { generateCorpus } from '../src/corpus/generate.ts';
import { givenName, placeName, sideOf } from '../src/corpus/names.ts';
import { Random } from '../src/corpus/random.ts';
import { skills } from '../src/corpus/skills.ts';
import { estimateTokens } from '../src/corpus/generate.ts';
import { heldOutTasks } from '../src/evaluation/tasks.ts';
import { committedTokenizer } from '../src/tokenizer/committed-tokenizer.ts';

const draw = (seed: number, split: 'train' | 'heldOut', tokens = 40_000) => [
  ...generateCorpus({ seed, tokens, split }),
];

describe('the corpus', () => {
  it('is the same for the same seed and another for another', () => {
    expect(draw(3, 'train', 5000)).toEqual(draw(3, 'train', 5000));
    expect(draw(3, 'train', 5000)).not.toEqual(draw(4, 'train', 5000));
  });

  it('holds records that the data package accepts', () => {
    for (const { record } of draw(1, 'train')) expect(datasetRecordSchema.parse(record)).toEqual(record);
  });

  it('gives every skill its share of the text', () => {
    const spent = new Map<string, number>();
    let total = 0;
    for (const { skill, record } of draw(1, 'train', 100_000)) {
      spent.set(skill, (spent.get(skill) ?? 0) + estimateTokens(record));
      total += estimateTokens(record);
    }
    const shares = skills.reduce((sum, skill) => sum + skill.share, 0);
    for (const skill of skills) expect(spent.get(skill.name)! / total).toBeCloseTo(skill.share / shares, 1);
  });

  it('estimates tokens within a tenth', async () => {
    const tokenizer = await committedTokenizer();
    let estimated = 0;
    let counted = 0;
    for (const { record } of draw(1, 'train')) {
      if (record.kind === 'conversation' && record.tools) continue;
      estimated += estimateTokens(record);
      if (record.kind === 'text') counted += tokenizer.encode(record.text).length;
      else if (record.kind === 'fim')
        counted += tokenizer.encode(record.prefix + record.middle + record.suffix).length + 4;
      else for (const message of record.messages) counted += tokenizer.encode(message.content).length + 5;
    }
    expect(Math.abs(estimated / counted - 1)).toBeLessThan(0.1);
  });

  it('answers reading questions with words of the passage, or says that it does not know', () => {
    const reading = skills.find((skill) => skill.name === 'reading')!;
    const random = new Random(5);
    for (let i = 0; i < 200; i++) {
      const record = reading.make(random, 'train');
      if (record.kind !== 'conversation') throw new Error('reading makes conversations');
      const asked = record.messages
        .filter((message) => message.role !== 'assistant')
        .map((message) => message.content)
        .join('\n')
        .toLowerCase();
      for (const answer of record.messages.filter((message) => message.role === 'assistant')) {
        expect(answer.content === 'The text does not say.' || asked.includes(answer.content.toLowerCase())).toBe(true);
      }
    }
  });
});

describe('names', () => {
  it('never cross the border between training and held-out', () => {
    const random = new Random(9);
    for (let i = 0; i < 300; i++) {
      expect(sideOf(givenName(random, 'train'))).toBe('train');
      expect(sideOf(placeName(random, 'heldOut'))).toBe('heldOut');
    }
  });
});

describe('held-out tasks', () => {
  it('come in equal number for each skill, each with a prompt and an answer', () => {
    const tasks = heldOutTasks(11, 20);
    const counts = [...Map.groupBy(tasks, (task) => task.skill).values()].map((own) => own.length);
    expect(counts.length).toBe(11);
    expect(new Set(counts)).toEqual(new Set([20]));
    for (const { input, expected } of tasks) {
      expect(expected.length).toBeGreaterThan(0);
      if (input.kind === 'chat') expect(['user', 'tool']).toContain(input.messages.at(-1)?.role);
    }
  });
});
