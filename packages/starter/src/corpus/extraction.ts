/** Extraction to JSON: the keys are named in the prompt, the values copied from the passage. */
import { conversation, fill, type Skill } from './skill.ts';
import { describe, kinds, tell } from './world.ts';

const frames = [
  'Extract {keys} as JSON.\n{p}',
  '{p}\nWrite {keys} as JSON.',
  'Return JSON with the keys {keys}.\n{p}',
  '{p}\nGive me a JSON object with {keys}.',
  'Turn this into JSON with {keys}: {p}',
  'Text: {p}\nJSON keys: {keys}',
  'Read the text and fill {keys} in JSON. {p}',
  '{p}\nMake JSON from this. Keys: {keys}.',
];
const systems = [
  'Answer only with JSON.',
  'You turn text into JSON.',
  'You are an extraction service. Reply with one JSON object.',
  'Output JSON and nothing else.',
];

export const extraction: Skill = {
  name: 'extraction',
  share: 9,
  make(random, split) {
    const kind = random.pick(kinds);
    const facts = describe(random, split, kind, random.integer(2, 4));
    const asked = random.shuffle(facts).slice(0, random.integer(1, facts.length));
    const object: Record<string, string | null> = {};
    if (random.chance(0.6)) object['name'] = facts[0]!.entity;
    for (const fact of asked) object[fact.relation.key] = fact.value;
    if (random.chance(0.08)) {
      const absent = kind.relations.filter((relation) => !facts.some((fact) => fact.relation === relation));
      if (absent.length > 0) object[random.pick(absent).key] = null;
    }
    const keys = Object.keys(object).join(random.chance(0.8) ? ', ' : ' and ');
    const prompt = fill(random.pick(frames), { keys, p: tell(random, facts) });
    return conversation([[prompt, JSON.stringify(object)]], random.chance(0.4) ? random.pick(systems) : undefined);
  },
};
