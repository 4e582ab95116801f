/**
 * Facts answered from memory: plain ones (months, opposites, animals) and those of one fixed invented country that every
 * corpus shares. Each comes in many wordings; the held-out tasks ask known facts in wordings that were never trained.
 */
import { sideOf } from './names.ts';
import { ask } from './questions.ts';
import { Random } from './random.ts';
import type { Relation } from './relations/relation.ts';
import { conversation, type Skill } from './skill.ts';
import { days, months } from './words.ts';
import { describe, kinds, type Fact } from './world.ts';

/** The invented country's seed is part of the corpus: its facts are the same whatever the corpus's own seed. */
const homeWorldSeed = 20_261_121;
const homeThings = 110;

type Known = { entity: string; relation: Pick<Relation, 'nouns' | 'questions'>; value: string };

const opposites = [
  ['hot', 'cold'],
  ['big', 'small'],
  ['old', 'new'],
  ['fast', 'slow'],
  ['light', 'dark'],
  ['hard', 'soft'],
  ['happy', 'sad'],
  ['open', 'closed'],
  ['full', 'empty'],
  ['early', 'late'],
  ['rich', 'poor'],
  ['strong', 'weak'],
  ['tall', 'short'],
  ['clean', 'dirty'],
  ['loud', 'quiet'],
  ['wet', 'dry'],
  ['thick', 'thin'],
  ['wide', 'narrow'],
  ['first', 'last'],
  ['left', 'right'],
  ['up', 'down'],
  ['inside', 'outside'],
  ['near', 'far'],
  ['high', 'low'],
];
const animalFacts = [
  ['cow', 'moo', 'calf', 'grass'],
  ['dog', 'bark', 'puppy', 'meat'],
  ['cat', 'meow', 'kitten', 'fish'],
  ['duck', 'quack', 'duckling', 'seeds'],
  ['sheep', 'baa', 'lamb', 'grass'],
  ['lion', 'roar', 'cub', 'meat'],
  ['pig', 'oink', 'piglet', 'corn'],
  ['horse', 'neigh', 'foal', 'hay'],
  ['frog', 'croak', 'tadpole', 'flies'],
  ['bee', 'buzz', 'larva', 'nectar'],
  ['owl', 'hoot', 'owlet', 'mice'],
  ['wolf', 'howl', 'pup', 'meat'],
];
const thingColours = [
  ['grass', 'green'],
  ['snow', 'white'],
  ['coal', 'black'],
  ['the sun', 'yellow'],
  ['blood', 'red'],
  ['the sky', 'blue'],
  ['an orange', 'orange'],
  ['milk', 'white'],
  ['a lemon', 'yellow'],
  ['chocolate', 'brown'],
  ['a raven', 'black'],
  ['a tomato', 'red'],
  ['ash', 'grey'],
  ['a plum', 'purple'],
];
const tools = [
  ['a knife', 'cutting'],
  ['a broom', 'sweeping'],
  ['a pen', 'writing'],
  ['a lamp', 'lighting a room'],
  ['a key', 'opening locks'],
  ['an oven', 'baking'],
  ['a clock', 'telling time'],
  ['a spoon', 'eating soup'],
  ['an umbrella', 'keeping dry'],
  ['a boat', 'crossing water'],
  ['a ladder', 'climbing'],
  ['a map', 'finding the way'],
];
const numberWords = [
  'zero',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'eleven',
  'twelve',
];

const plain = (nouns: string[], questions: string[]) => ({ nouns, questions });

function plainFacts(): Known[] {
  const known: Known[] = [];
  const add = (entity: string, value: string, relation: Known['relation']) => known.push({ entity, value, relation });
  const following = plain(
    ['the {u} after {e}', 'the {u} that follows {e}'],
    ['which {u} comes after {e}', 'what {u} follows {e}', 'what comes right after {e}'],
  );
  const preceding = plain(
    ['the {u} before {e}', 'the {u} that precedes {e}'],
    ['which {u} comes before {e}', 'what {u} precedes {e}', 'what comes right before {e}'],
  );
  const withUnit = (relation: Known['relation'], unit: string) =>
    plain(
      relation.nouns.map((text) => text.replace('{u}', unit)),
      relation.questions.map((text) => text.replace('{u}', unit)),
    );
  for (const [cycle, unit] of [
    [days, 'day'],
    [months, 'month'],
  ] as const) {
    cycle.forEach((name, i) => {
      const next = cycle[(i + 1) % cycle.length]!;
      add(name, next, withUnit(following, unit));
      add(next, name, withUnit(preceding, unit));
    });
  }
  for (const [a, b] of opposites) {
    const opposite = plain(
      ['the opposite of {e}', "{e}'s opposite", 'the contrary of {e}'],
      ['what is the opposite of {e}', 'which word means the opposite of {e}', 'what is not {e}'],
    );
    add(a!, b!, opposite);
    add(b!, a!, opposite);
  }
  for (const [animal, sound, young, food] of animalFacts) {
    add(
      animal!,
      sound!,
      plain(
        ['the sound of a {e}', 'the noise a {e} makes'],
        ['what sound does a {e} make', 'which noise does a {e} make', 'what does a {e} say'],
      ),
    );
    add(
      animal!,
      young!,
      plain(
        ['the young of a {e}', 'the name for a baby {e}'],
        ['what is a baby {e} called', 'what do you call a young {e}', 'what is the young of a {e}'],
      ),
    );
    add(
      animal!,
      food!,
      plain(
        ['the food of a {e}', 'the diet of a {e}'],
        ['what does a {e} eat', 'what do you feed a {e}', 'what food does a {e} like'],
      ),
    );
  }
  for (const [thing, colour] of thingColours) {
    add(
      thing!,
      colour!,
      plain(
        ['the colour of {e}', 'the usual colour of {e}'],
        ['what colour is {e}', 'which colour has {e}', 'what is the colour of {e}'],
      ),
    );
  }
  for (const [tool, use] of tools) {
    add(
      tool!,
      use!,
      plain(
        ['the use of {e}', 'the purpose of {e}'],
        ['what is {e} for', 'what do you use {e} for', 'what is {e} good for'],
      ),
    );
  }
  numberWords.forEach((word, i) => {
    add(
      word,
      String(i),
      plain(['the digits of {e}', '{e} as a number'], ['how do you write {e} in digits', 'which number is {e}']),
    );
    add(
      String(i),
      word,
      plain(['the word for {e}', '{e} in words'], ['how do you write {e} in words', 'what is {e} in letters']),
    );
  });
  return known;
}

function homeFacts(): Fact[] {
  const random = new Random(homeWorldSeed);
  const seen = new Set<string>();
  const facts: Fact[] = [];
  while (seen.size < homeThings) {
    const described = describe(random, 'train', random.pick(kinds), random.integer(3, 5));
    const entity = described[0]?.entity ?? '';
    if (seen.has(entity)) continue;
    seen.add(entity);
    facts.push(...described);
  }
  return facts;
}

const known: readonly Known[] = [...plainFacts(), ...homeFacts()];

export const knowledge: Skill = {
  name: 'knowledge',
  share: 12,
  make(random, split) {
    const turns: [string, string][] = [];
    const count = split === 'heldOut' ? 1 : random.integer(1, 4);
    while (turns.length < count) {
      const fact = random.pick(known);
      const question = ask(random, fact.relation, fact.entity);
      if (sideOf(question) === split) turns.push([question, fact.value]);
    }
    return conversation(turns);
  },
};
