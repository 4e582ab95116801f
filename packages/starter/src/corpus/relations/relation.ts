/**
 * What can be said of the things in a small world. Each relation carries several ways to state it and several ways to ask
 * for it, so that a model learns that they mean the same. `{e}` is the thing, `{v}` the value.
 */
import type { Random } from '../random.ts';
import type { Split } from '../skill.ts';

export type Relation = {
  /** Key in JSON extraction tasks. */
  key: string;
  value(random: Random, split: Split): string;
  statements: readonly string[];
  /** Noun phrases that name the value, put into the general frames of questions.ts. */
  nouns: readonly string[];
  /** Questions of this relation alone. */
  questions: readonly string[];
};

/** Draws one of the given values. */
export const oneOf = (items: readonly string[]) => (random: Random) => random.pick(items);

/** Draws a whole number, both ends included. */
export const number = (low: number, high: number) => (random: Random) => String(random.integer(low, high));
