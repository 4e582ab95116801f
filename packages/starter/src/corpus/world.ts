/** A small world: a few invented things and what is true of them, to be told in sentences and asked about. */
import { companyName, coinedName, givenName, personName, placeName, productName } from './names.ts';
import type { Random } from './random.ts';
import { bookRelations } from './relations/book.ts';
import { companyRelations } from './relations/company.ts';
import { eventRelations } from './relations/event.ts';
import { personRelations } from './relations/person.ts';
import { placeRelations } from './relations/place.ts';
import { productRelations } from './relations/product.ts';
import type { Relation } from './relations/relation.ts';
import { article, capital, fill, type Split } from './skill.ts';
import { adjectives, objects } from './words.ts';

export type Fact = { entity: string; relation: Relation; value: string };
export type Kind = { name: string; named(random: Random, split: Split): string; relations: readonly Relation[] };

export const kinds: readonly Kind[] = [
  {
    name: 'person',
    named: (random, split) => (random.chance(0.6) ? givenName : personName)(random, split),
    relations: personRelations,
  },
  { name: 'place', named: placeName, relations: placeRelations },
  { name: 'company', named: companyName, relations: companyRelations },
  { name: 'product', named: productName, relations: productRelations },
  {
    name: 'book',
    named: (random, split) =>
      random.chance(0.5)
        ? `The ${capital(random.pick(adjectives))} ${capital(random.pick(objects))}`
        : `The ${capital(random.pick(objects))} of ${coinedName(random, split)}`,
    relations: bookRelations,
  },
  {
    name: 'event',
    named: (random, split) =>
      `${coinedName(random, split)} ${random.pick(['concert', 'meeting', 'party', 'dinner', 'race', 'talk', 'game', 'lesson', 'fair', 'show'])}`,
    relations: eventRelations,
  },
];

/** Facts about one invented thing of a kind. */
export function describe(random: Random, split: Split, kind: Kind, count: number): Fact[] {
  const entity = kind.named(random, split);
  return random
    .sample(kind.relations, count)
    .map((relation) => ({ entity, relation, value: relation.value(random, split) }));
}

/** A world of one to four things, often of one kind so that their facts must be told apart. */
export function makeWorld(random: Random, split: Split, things: number): Fact[] {
  const shared = random.chance(0.6) ? random.pick(kinds) : undefined;
  const facts: Fact[] = [];
  const sameRelations =
    shared && random.chance(0.5) ? random.sample(shared.relations, random.integer(1, 3)) : undefined;
  for (let i = 0; i < things; i++) {
    const kind = shared ?? random.pick(kinds);
    if (sameRelations) {
      const entity = kind.named(random, split);
      facts.push(...sameRelations.map((relation) => ({ entity, relation, value: relation.value(random, split) })));
    } else {
      facts.push(...describe(random, split, kind, random.integer(1, 3)));
    }
  }
  return facts;
}

/** The sentence that states a fact. */
export function state(random: Random, fact: Fact): string {
  return capital(article(fill(random.pick(fact.relation.statements), { e: fact.entity, v: fact.value })));
}

/** A passage that states the facts, in order of mention or shuffled. */
export function tell(random: Random, facts: readonly Fact[]): string {
  const order = random.chance(0.5) ? facts : random.shuffle(facts);
  return order.map((fact) => state(random, fact)).join(random.chance(0.15) ? '\n' : ' ');
}
