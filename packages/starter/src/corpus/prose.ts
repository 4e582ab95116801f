/** Plain paragraphs, for the language itself: small stories and descriptions with a thread that runs through them. */
import { givenName, placeName } from './names.ts';
import type { Random } from './random.ts';
import { article, capital, fill, type Skill, type Split } from './skill.ts';
import * as words from './words.ts';
import { makeWorld, tell } from './world.ts';

const openings = [
  'One morning {g} went to the {r}.',
  'There was a {j} called {g} in {t}.',
  'On {d} {g} lost a {o}.',
  '{g} lived with {h} in a {a} house in {t}.',
  'In {m} the {j} {g} came to {t}.',
  '{g} had a {z} and a {c} {o}.',
  'Long ago a {a} {z} lived near {t}.',
  '{g} the {j} woke up early.',
  'It was a {a} day in {t}.',
];
const middles = [
  'The {o} was {a} and {c}.',
  '{g} looked for it in the {r}.',
  'A {z} sat by the door.',
  '{h} said, "Where is the {o}?"',
  '"It is in the {r}," said {g}.',
  'They ate {f} and talked.',
  'Then {g} saw a {a} {z}.',
  '{h} gave {g} some {f}.',
  'The {z} ran into the {r}.',
  '{g} put the {o} on the table.',
  'It began to rain, so they stayed in the {r}.',
  '{g} asked {h} for help.',
  'After that they went to {t}.',
  '{h} was {a}, but {g} was not.',
  'The {j} smiled and went on.',
  'It took a long time.',
  'Nobody in {t} had seen such a {o}.',
  '{g} counted {n} {z}s.',
  'The {o} cost {n} coins.',
  'First {g} washed the {o}, then {h} dried it.',
  'When the sun came out, {g} went {y}.',
  'Because it was late, {h} went home.',
];
const endings = [
  'In the end {g} found the {o}.',
  'That night {g} slept well.',
  '{g} never forgot that day.',
  'So {h} and {g} became friends.',
  'And the {z} stayed with {g}.',
  'From then on {g} liked {y}.',
  'Everyone in {t} was happy.',
  '"Thank you," said {g}.',
  'The next {d} they met again.',
  '{g} kept the {o} for many years.',
];

function story(random: Random, split: Split): string {
  const cast = {
    g: givenName(random, split),
    h: givenName(random, split),
    t: placeName(random, split),
    o: random.pick(words.objects),
    z: random.pick(words.animals),
    j: random.pick(words.jobs),
    r: random.pick(words.rooms),
    y: random.pick(words.hobbies),
    f: random.pick(words.foods),
    c: random.pick(words.colours),
    d: random.pick(words.days),
    m: random.pick(words.months),
  };
  const sentence = (template: string) =>
    capital(article(fill(template, { ...cast, a: random.pick(words.adjectives), n: random.integer(2, 20) })));
  const sentences = [
    sentence(random.pick(openings)),
    ...random.sample(middles, random.integer(2, 6)).map(sentence),
    sentence(random.pick(endings)),
  ];
  return sentences.join(' ');
}

export const prose: Skill = {
  name: 'prose',
  share: 6,
  make(random, split) {
    return {
      kind: 'text',
      text: random.chance(0.75) ? story(random, split) : tell(random, makeWorld(random, split, random.integer(1, 3))),
    };
  },
};
