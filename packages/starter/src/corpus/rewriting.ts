/** Rewriting a sentence by a rule that the prompt states, each answer made of the sentence's own words. */
import { givenName } from './names.ts';
import type { Random } from './random.ts';
import { article, conversation, fill, type Skill, type Split } from './skill.ts';
import { adjectives, animals, colours, objects, rooms } from './words.ts';

const patterns = [
  'the {a} {n} is in the {r}',
  'a {c} {n} lies on the {m}',
  '{g} has a {a} {n}',
  '{g} saw the {a} {z} in the {r}',
  'the {z} took my {c} {n}',
  '{g} gave {h} a {n}',
  'put the {n} next to the {m}',
  'every {z} likes the {r}',
  '{g} and {h} clean the {r}',
  'the {n} is {a} and {c}',
];

function sentence(random: Random, split: Split): string {
  return article(
    fill(random.pick(patterns), {
      a: random.pick(adjectives),
      n: random.pick(objects),
      m: random.pick(objects),
      r: random.pick(rooms),
      c: random.pick(colours),
      z: random.pick(animals),
      g: givenName(random, split),
      h: givenName(random, split),
    }),
  );
}

type Rule = { asks: readonly string[]; apply(text: string): string };

const rules: readonly Rule[] = [
  {
    asks: ['Write in upper case', 'Use capital letters', 'Make it all caps', 'Change to upper case'],
    apply: (text) => text.toUpperCase(),
  },
  { asks: ['Write in lower case', 'Use small letters', 'Make it lower case'], apply: (text) => text.toLowerCase() },
  {
    asks: ['Repeat after me', 'Say this again', 'Copy the sentence', 'Echo', 'Write exactly this'],
    apply: (text) => text,
  },
  { asks: ['Say it twice', 'Write it two times', 'Repeat this twice'], apply: (text) => `${text} ${text}` },
  { asks: ['Put it in quotes', 'Add quotation marks', 'Quote this'], apply: (text) => `"${text}"` },
  {
    asks: ['Add an exclamation mark', 'End it with an exclamation mark', 'Make it an exclamation'],
    apply: (text) => `${text}!`,
  },
  {
    asks: ['What is the first word', 'Give only the first word', 'Name the first word'],
    apply: (text) => text.split(' ')[0]!,
  },
  {
    asks: ['What is the last word', 'Give only the last word', 'Name the last word'],
    apply: (text) => text.split(' ').at(-1)!,
  },
  {
    asks: ['How many words are there', 'Count the words', 'Give the number of words'],
    apply: (text) => String(text.split(' ').length),
  },
  {
    asks: ['Write the words backwards', 'Reverse the order of the words', 'Turn the word order around'],
    apply: (text) => text.split(' ').reverse().join(' '),
  },
  {
    asks: ['Put commas between the words', 'Separate the words by commas', 'Make a comma list of the words'],
    apply: (text) => text.split(' ').join(', '),
  },
  {
    asks: ['Join the words with underscores', 'Use underscores for spaces', 'Replace spaces by underscores'],
    apply: (text) => text.split(' ').join('_'),
  },
];

function replacement(random: Random, text: string): [string, string] {
  const old = random.pick(text.split(' '));
  const fresh = random.pick([...objects, ...colours, ...animals]);
  const ask = fill(
    random.pick(['Replace {o} by {f}', 'Change {o} to {f}', 'Use {f} instead of {o}', 'Swap {o} for {f}']),
    { o: old, f: fresh },
  );
  return [
    ask,
    text
      .split(' ')
      .map((word) => (word === old ? fresh : word))
      .join(' '),
  ];
}

const frames = ['{ask}: {t}', '{t}\n{ask}.', '{ask}.\n{t}', 'Text: {t}\n{ask}.', 'Sentence: {t}. {ask}.'];

export const rewriting: Skill = {
  name: 'rewriting',
  share: 8,
  make(random, split) {
    const turns = Array.from({ length: random.integer(1, 3) }, (): [string, string] => {
      const text = sentence(random, split);
      if (random.chance(0.25)) {
        const [ask, answer] = replacement(random, text);
        return [fill(random.pick(frames), { ask, t: text }), answer];
      }
      const rule = random.pick(rules);
      return [fill(random.pick(frames), { ask: random.pick(rule.asks), t: text }), rule.apply(text)];
    });
    return conversation(turns);
  },
};
