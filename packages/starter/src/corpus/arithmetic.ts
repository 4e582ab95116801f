/** Small sums, differences, comparisons and counting, bare and in words. */
import { givenName } from './names.ts';
import type { Random } from './random.ts';
import { conversation, fill, type Skill, type Split } from './skill.ts';
import { objects } from './words.ts';

type Turn = [question: string, answer: string];

const sums = [
  '{a} + {b}',
  'What is {a} + {b}?',
  'Add {a} and {b}.',
  '{a} plus {b}?',
  'How much is {a} plus {b}?',
  'Compute {a}+{b}.',
  'Sum of {a} and {b}?',
  '{a} + {b} =',
];
const differences = [
  '{a} - {b}',
  'What is {a} - {b}?',
  'Subtract {b} from {a}.',
  '{a} minus {b}?',
  'How much is {a} minus {b}?',
  'Compute {a}-{b}.',
  'Take {b} away from {a}.',
  '{a} - {b} =',
];
const larger = [
  'Which is larger, {a} or {b}?',
  'Which number is bigger: {a} or {b}?',
  'Give the larger of {a} and {b}.',
  'max of {a} and {b}?',
];
const smaller = [
  'Which is smaller, {a} or {b}?',
  'Which number is less: {a} or {b}?',
  'Give the smaller of {a} and {b}.',
  'min of {a} and {b}?',
];

function operands(random: Random): [number, number] {
  const top = random.pick([9, 20, 20, 50, 99, 99, 500]);
  return [random.integer(0, top), random.integer(0, top)];
}

function story(random: Random, split: Split): Turn {
  const who = givenName(random, split);
  const thing = `${random.pick(objects)}s`;
  const [a, b] = operands(random);
  if (random.chance(0.5)) {
    const text = random.pick([
      '{w} has {a} {t} and gets {b} more. How many {t} does {w} have?',
      '{w} found {a} {t} on one day and {b} {t} on the next. How many in all?',
      'There are {a} {t} in one box and {b} in another. How many {t} together?',
    ]);
    return [fill(text, { w: who, a, b, t: thing }), String(a + b)];
  }
  const text = random.pick([
    '{w} has {a} {t} and gives away {b}. How many are left?',
    'From {a} {t} {w} sells {b}. How many {t} remain?',
    '{w} had {a} {t} but lost {b}. How many does {w} still have?',
  ]);
  return [fill(text, { w: who, a: Math.max(a, b), b: Math.min(a, b), t: thing }), String(Math.abs(a - b))];
}

function calculation(random: Random, split: Split): Turn {
  const [a, b] = operands(random);
  const kind = random.next();
  if (kind < 0.35) return [fill(random.pick(sums), { a, b }), String(a + b)];
  if (kind < 0.65)
    return [fill(random.pick(differences), { a: Math.max(a, b), b: Math.min(a, b) }), String(Math.abs(a - b))];
  if (kind < 0.8 && a !== b) {
    return random.chance(0.5)
      ? [fill(random.pick(larger), { a, b }), String(Math.max(a, b))]
      : [fill(random.pick(smaller), { a, b }), String(Math.min(a, b))];
  }
  if (kind < 0.88) {
    return random.chance(0.5)
      ? [
          fill(random.pick(['What comes after {a}?', 'Next number after {a}?', 'Count on from {a}.']), { a }),
          String(a + 1),
        ]
      : [
          fill(random.pick(['What comes before {a}?', 'Number just below {a}?', 'Count back from {a}.']), { a: a + 1 }),
          String(a),
        ];
  }
  return story(random, split);
}

export const arithmetic: Skill = {
  name: 'arithmetic',
  share: 7,
  make(random, split) {
    return conversation(
      Array.from({ length: random.integer(1, 6) }, () => calculation(random, split)),
      random.chance(0.1) ? 'Answer with the number only.' : undefined,
    );
  },
};
