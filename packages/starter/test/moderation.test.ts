import { expect, it } from 'vitest';
import { categoryNames, moderationRecords } from '../src/moderation/corpus.ts';
import { handWritten } from '../src/moderation/hand-written.ts';
import { falseAlarms, reportOf } from '../src/moderation/score.ts';

const texts = (seed: number, split: 'train' | 'heldOut'): string[] =>
  moderationRecords(seed, split)
    .take(2000)
    .map(({ text }) => text)
    .toArray();

it('the corpus of moderation is the same for the same seed, and fills every slot', () => {
  expect(texts(1, 'train')).toEqual(texts(1, 'train'));
  expect(texts(1, 'train')).not.toEqual(texts(2, 'train'));
  expect([...texts(1, 'train'), ...texts(1, 'heldOut')].filter((text) => /[{}[\]|]|undefined/.test(text))).toEqual([]);
  const labels = moderationRecords(1, 'heldOut')
    .take(2000)
    .flatMap((record) => record.labels.category);
  expect(new Set(labels)).toEqual(new Set(categoryNames));
});

it('what is held out is not trained', () => {
  const trained = new Set(texts(1, 'train'));
  expect(texts(1, 'heldOut').filter((text) => trained.has(text))).toEqual([]);
  expect(handWritten.filter(({ text }) => trained.has(text))).toEqual([]);
});

it('a report counts what was said and what is', () => {
  const judged = [
    { category: ['law'], scores: { law: 0.9, pii: 0.6 } },
    { category: ['law'], scores: { law: 0.2, pii: 0 } },
    { category: [], scores: { law: 0.5, pii: 0 } },
    { category: [], scores: { law: 0.4, pii: 0 } },
  ];
  expect(reportOf(['law', 'pii'], judged, 0.5)).toEqual([
    { category: 'law', examples: 2, precision: 0.5, recall: 0.5 },
    { category: 'pii', examples: 0, precision: 0, recall: NaN },
  ]);
  expect(falseAlarms(judged, 0.5)).toEqual({ alarms: 1, harmless: 2 });
});
