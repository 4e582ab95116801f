/** Ways to ask for a value: general frames around a relation's noun phrases and direct questions. */
import type { Relation } from './relations/relation.ts';
import type { Random } from './random.ts';
import { capital, fill } from './skill.ts';

const nounFrames = [
  'What is {n}?',
  'Tell me {n}.',
  'Give me {n}.',
  'I need {n}.',
  'Name {n}.',
  '{N}?',
  'Please tell me {n}.',
  'Find {n}.',
  'Say {n}.',
  'Can you tell me {n}?',
  'Could you give me {n}?',
  'Do you know {n}?',
  'I would like to know {n}.',
  'I am looking for {n}.',
  'What would be {n}?',
  'I forgot {n}.',
  'Look up {n}, please.',
  'Quick question: what is {n}?',
  'Remind me of {n}.',
  'Please state {n}.',
];

const questionFrames = [
  '{Q}?',
  '{Q}?',
  '{Q}?',
  '{Q}?',
  'Hello, {q}?',
  'Please tell me: {q}?',
  'Quick question: {q}?',
  'I want to know: {q}?',
  'Hi, {q}?',
  'Can you say {q}?',
  'One more thing: {q}?',
  'A customer asks: {q}?',
  '{Q}, please?',
  'Do you know {q}?',
];

/** One question for a relation of the thing named `entity`. */
export function ask(random: Random, relation: Pick<Relation, 'nouns' | 'questions'>, entity: string): string {
  if (random.chance(0.5)) {
    const noun = fill(random.pick(relation.nouns), { e: entity });
    return fill(random.pick(nounFrames), { n: noun, N: capital(noun) });
  }
  const question = fill(random.pick(relation.questions), { e: entity });
  return fill(random.pick(questionFrames), { q: question, Q: capital(question) });
}
