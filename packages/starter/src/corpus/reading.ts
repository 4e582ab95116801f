/** Questions over a given passage, answered with words copied from it. */
import { ask } from './questions.ts';
import { conversation, type Skill } from './skill.ts';
import { makeWorld, tell, kinds } from './world.ts';

const introductions = [
  '{p}',
  'Read this: {p}',
  'Here is a text.\n{p}',
  'Text: {p}',
  'Context: {p}',
  'Some facts: {p}',
  'Please read: {p}',
  'Note: {p}',
];
const systems = [
  'Answer with words from the text.',
  'Answer in a few words.',
  'Use the text to answer.',
  'Give short answers.',
  'You are a helpful assistant. Answer from the text.',
];

/** What the model says when the passage holds no answer. */
export const notStated = 'The text does not say.';

export const reading: Skill = {
  name: 'reading',
  share: 30,
  make(random, split) {
    const facts = makeWorld(random, split, random.integer(1, 4));
    const passage = random.pick(introductions).replace('{p}', () => tell(random, facts));
    const asked = random.shuffle(facts).slice(0, random.integer(2, 7));
    const turns = asked.map((fact): [string, string] => [ask(random, fact.relation, fact.entity), fact.value]);
    if (random.chance(0.12)) {
      const fact = random.pick(facts);
      const kind = kinds.find((candidate) => candidate.relations.includes(fact.relation)) ?? kinds[0]!;
      const known = facts.filter((other) => other.entity === fact.entity).map((other) => other.relation);
      const missing = random.pick(kind.relations.filter((relation) => !known.includes(relation)));
      turns.splice(random.integer(0, turns.length), 0, [ask(random, missing, fact.entity), notStated]);
    }
    if (random.chance(0.3)) {
      return conversation(turns, `${random.chance(0.5) ? `${random.pick(systems)}\n` : ''}${passage}`);
    }
    const [first, ...rest] = turns as [[string, string], ...[string, string][]];
    const question = random.chance(0.85) ? `${passage}\n${first[0]}` : `${first[0]}\n${passage}`;
    return conversation([[question, first[1]], ...rest], random.chance(0.25) ? random.pick(systems) : undefined);
  },
};
