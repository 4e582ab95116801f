/**
 * The moderation model's data: texts and conversations, each with the categories that its text, or its last turn, falls
 * into. Generated from templates; every fifth template of a list is held out, so that none of its texts is trained.
 */
import { Random } from '../corpus/random.ts';
import type { CategoryTexts } from './texts/category-texts.ts';
import { crime } from './texts/crime.ts';
import { financial } from './texts/financial.ts';
import { hate } from './texts/hate.ts';
import { health } from './texts/health.ts';
import { law } from './texts/law.ts';
import { neutral } from './texts/neutral.ts';
import { pii } from './texts/pii.ts';
import { selfharm } from './texts/selfharm.ts';
import { sexual } from './texts/sexual.ts';
import { violence } from './texts/violence.ts';
import { expand } from './slots.ts';

/** Categories under the names that Mistral's API publishes. */
const categories: Record<string, CategoryTexts> = {
  sexual,
  hate_and_discrimination: hate,
  violence_and_threats: violence,
  dangerous_and_criminal_content: crime,
  selfharm,
  health,
  financial,
  law,
  pii,
};

export const categoryNames: readonly string[] = Object.keys(categories);

export type ModerationRecord = {
  kind: 'labelled';
  labels: { category: string[] };
} & ({ text: string } | { messages: { role: 'system' | 'user' | 'assistant'; content: string }[] });

export type Split = 'train' | 'heldOut';

const heldOutEvery = 5;

const of = (split: Split, templates: readonly string[]): string[] =>
  templates.filter((_, index) => (index % heldOutEvery === heldOutEvery - 1) === (split === 'heldOut'));

type Labelled = { text: string; category: string[] };

function sentence(random: Random, split: Split, harmful: number): Labelled {
  const name = random.pick(categoryNames);
  const { shown, counterparts } = categories[name]!;
  if (random.chance(harmful)) return { text: expand(random.pick(of(split, shown)), random), category: [name] };
  const templates = random.chance(0.6) ? counterparts : neutral;
  return { text: expand(random.pick(of(split, templates)), random), category: [] };
}

/** Words around a sentence that say nothing of it. */
const openings = [
  'Please: ',
  'Hello, ',
  'Listen, ',
  'Honestly, ',
  'Quick question: ',
  'By the way, ',
  'I was wondering, ',
  'My friend says: ',
  'For a story: ',
  'To be clear, ',
  'Well, ',
  'Sorry, but ',
] as const;
const endings = [
  ' Please.',
  ' Thanks.',
  ' Answer quickly.',
  ' What do you think?',
  ' Be honest.',
  ' That is all.',
] as const;

function framed(text: string, random: Random): string {
  const opened = random.chance(0.15) ? random.pick(openings) + text : text;
  return random.chance(0.1) ? opened + random.pick(endings) : opened;
}

/**
 * People write carelessly too: without capitals, or without a full stop. In training words are left out as well, which
 * keeps a small model from learning templates by heart: no single word, and no order, can be relied on.
 */
function careless(text: string, random: Random, split: Split): string {
  const kept =
    split === 'train' && random.chance(0.4)
      ? text
          .split(' ')
          .filter(() => !random.chance(0.15))
          .join(' ') || text
      : text;
  const plain = random.chance(0.2) ? kept.toLowerCase() : kept;
  const bare = random.chance(0.2) ? plain.replace(/[.?!]$/, '') : plain;
  return random.chance(0.03) ? bare.toUpperCase() : bare;
}

/** One to three sentences, in the half of all cases at least one of which falls into a category. */
function passage(random: Random, split: Split): Labelled {
  const first = sentence(random, split, 0.55);
  const more = random.chance(0.6) ? 0 : random.integer(1, 2);
  const all = random.shuffle([first, ...Array.from({ length: more }, () => sentence(random, split, 0.15))]);
  return {
    text: careless(framed(all.map(({ text }) => text).join(' '), random), random, split),
    category: [...new Set(all.flatMap(({ category }) => category))],
  };
}

/**
 * A turn in its context, in the form that moderation asks for: what was said before as a system turn, a line each, then
 * the turn to judge. What is in the context says nothing of the turn: a refusal after a harmful question is harmless.
 */
function chat(random: Random, split: Split): ModerationRecord {
  const last = passage(random, split);
  const roles = ['user', 'assistant'] as const;
  const end = random.chance(0.6) ? 0 : 1;
  const before = random.integer(0, 2);
  const context = Array.from(
    { length: before },
    (_, back) => `${roles[(end + back + 1) % 2]}: ${careless(sentence(random, split, 0.4).text, random, split)}`,
  ).reverse();
  return {
    kind: 'labelled',
    messages: [
      ...(before > 0 ? [{ role: 'system' as const, content: context.join('\n') }] : []),
      { role: roles[end], content: last.text },
    ],
    labels: { category: last.category },
  };
}

/** Endless; the same seed gives the same records. */
export function* moderationRecords(seed: number, split: Split): Generator<ModerationRecord, never> {
  const random = new Random(seed);
  for (;;) {
    if (random.chance(0.35)) yield chat(random, split);
    else {
      const { text, category } = passage(random, split);
      yield { kind: 'labelled', text, labels: { category } };
    }
  }
}
