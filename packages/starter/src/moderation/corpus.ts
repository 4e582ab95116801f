/**
 * The moderation model's data: sentences, each with the category that it falls into, or none. Generated from templates;
 * every fifth template of a list is held out, so that none of its texts is trained.
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

export type ModerationRecord = { kind: 'labelled'; text: string; labels: { category: string[] } };

export type Split = 'train' | 'heldOut';

const heldOutEvery = 5;

const of = (split: Split, templates: readonly string[]): string[] =>
  templates.filter((_, index) => (index % heldOutEvery === heldOutEvery - 1) === (split === 'heldOut'));

type Labelled = { text: string; category: string[] };

function sentence(random: Random, split: Split): Labelled {
  const name = random.pick(categoryNames);
  const { shown, counterparts } = categories[name]!;
  if (random.chance(0.55)) return { text: expand(random.pick(of(split, shown)), random), category: [name] };
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

/** People write carelessly: without capitals, or without a full stop. */
function careless(text: string, random: Random): string {
  const plain = random.chance(0.2) ? text.toLowerCase() : text;
  const bare = random.chance(0.2) ? plain.replace(/[.?!]$/, '') : plain;
  return random.chance(0.03) ? bare.toUpperCase() : bare;
}

/**
 * Words left out, and words in another order: what keeps a small model from learning templates by heart, since no single
 * word, and no order, can be relied on. Only for training.
 */
function disturbed(text: string, random: Random): string {
  const words = text.split(' ');
  const kept = random.chance(0.6) ? words.filter(() => !random.chance(0.3)) : words;
  return (random.chance(0.3) ? random.shuffle(kept) : kept).join(' ') || text;
}

/** Endless; the same seed gives the same records. A little more than half of them fall into a category. */
export function* moderationRecords(seed: number, split: Split): Generator<ModerationRecord, never> {
  const random = new Random(seed);
  for (;;) {
    const { text, category } = sentence(random, split);
    const whole = framed(text, random);
    const written = split === 'train' ? disturbed(whole, random) : whole;
    yield { kind: 'labelled', text: careless(written, random), labels: { category } };
  }
}
