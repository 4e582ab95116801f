/** Work on short lists: order, pick, count, join, filter. */
import { coinedName, givenName } from './names.ts';
import type { Random } from './random.ts';
import { conversation, fill, type Skill, type Split } from './skill.ts';
import { adjectives, animals, colours, foods, objects, rooms } from './words.ts';

type Operation = { asks: readonly string[]; answer(items: readonly string[]): string };

const joined = (items: readonly string[]) => items.join(', ');

const operations: readonly Operation[] = [
  {
    asks: ['Reverse the list', 'Give the list backwards', 'List these from last to first', 'Turn the order around'],
    answer: (items) => joined([...items].reverse()),
  },
  {
    asks: ['Sort alphabetically', 'Put these in alphabetical order', 'Sort from a to z', 'Order by the alphabet'],
    answer: (items) => joined([...items].sort()),
  },
  {
    asks: ['What is the first item', 'Name the first one', 'Which comes first', 'Give the first word'],
    answer: (items) => items[0]!,
  },
  {
    asks: ['What is the last item', 'Name the last one', 'Which comes last', 'Give the final word'],
    answer: (items) => items.at(-1)!,
  },
  {
    asks: ['What is the second item', 'Name the second one', 'Which comes second', 'Give item number 2'],
    answer: (items) => items[1]!,
  },
  {
    asks: ['How many items are there', 'Count the items', 'How long is the list', 'Give the number of words'],
    answer: (items) => String(items.length),
  },
  { asks: ['Repeat the list', 'Copy the list', 'Say these again', 'Write the same list'], answer: joined },
  {
    asks: ['Join with a dash', 'Put a dash between the words', 'Write them joined by dashes'],
    answer: (items) => items.join('-'),
  },
  {
    asks: ['Write one per line', 'Put each on its own line', 'Make a list with one word a line'],
    answer: (items) => items.join('\n'),
  },
  {
    asks: ['Make a bullet list', 'Write as bullet points', 'Show as bullets'],
    answer: (items) => items.map((item) => `- ${item}`).join('\n'),
  },
  {
    asks: ['Number the items', 'Make a numbered list', 'Write with numbers in front'],
    answer: (items) => items.map((item, i) => `${i + 1}. ${item}`).join('\n'),
  },
  {
    asks: ['Leave out the first item', 'Drop the first one', 'Remove the first word'],
    answer: (items) => joined(items.slice(1)),
  },
  {
    asks: ['Leave out the last item', 'Drop the last one', 'Remove the last word'],
    answer: (items) => joined(items.slice(0, -1)),
  },
  { asks: ['Write as a JSON array', 'Turn into JSON', 'Give a JSON list'], answer: (items) => JSON.stringify(items) },
];

function items(random: Random, split: Split): string[] {
  const pool = random.pick([adjectives, animals, colours, foods, objects, rooms]);
  const count = random.integer(2, 6);
  const kind = random.next();
  if (kind < 0.2) return Array.from({ length: count }, () => givenName(random, split));
  if (kind < 0.35) return Array.from({ length: count }, () => coinedName(random, split));
  return random.sample(pool, count);
}

const frames = [
  '{ask}: {list}',
  '{list}\n{ask}.',
  '{ask}.\n{list}',
  'Here is a list: {list}. {ask}.',
  'Given {list}. {ask}.',
  '{ask} for this list: {list}',
];

export const lists: Skill = {
  name: 'lists',
  share: 9,
  make(random, split) {
    const list = items(random, split);
    const chosen = random.sample(operations, random.integer(1, 3));
    const turns = chosen.map((operation, i): [string, string] => {
      const question = random.pick(operation.asks);
      return [
        i === 0 ? fill(random.pick(frames), { ask: question, list: joined(list) }) : `${question}.`,
        operation.answer(list),
      ];
    });
    return conversation(turns);
  },
};
