import { coinedName, personName } from '../names.ts';
import * as words from '../words.ts';
import { number, oneOf, type Relation } from './relation.ts';

export const placeRelations: readonly Relation[] = [
  {
    key: 'mayor',
    value: personName,
    statements: ['The mayor of {e} is {v}.', '{v} is the mayor of {e}.', '{e} is led by {v}.'],
    nouns: ['the mayor of {e}', "{e}'s mayor", 'the leader of {e}'],
    questions: ['who is the mayor of {e}', 'who leads {e}', 'who runs the town of {e}'],
  },
  {
    key: 'river',
    value: (random, split) => coinedName(random, split),
    statements: ['{e} lies on the river {v}.', 'The river {v} flows through {e}.', 'The river in {e} is called {v}.'],
    nouns: ['the river of {e}', 'the name of the river in {e}', "{e}'s river"],
    questions: ['which river flows through {e}', 'on which river does {e} lie', 'what is the river in {e} called'],
  },
  {
    key: 'population',
    value: (random) => `${random.integer(2, 98)}${random.pick(['00', '000', '500'])}`,
    statements: ['{e} has {v} inhabitants.', 'The population of {e} is {v}.', '{v} people live in {e}.'],
    nouns: ['the population of {e}', "{e}'s population", 'the number of inhabitants of {e}'],
    questions: [
      'how many people live in {e}',
      'how large is the population of {e}',
      'how many inhabitants does {e} have',
    ],
  },
  {
    key: 'founded',
    value: number(1100, 1990),
    statements: ['{e} was founded in {v}.', 'The town of {e} dates from {v}.', 'People built {e} in {v}.'],
    nouns: ['the founding year of {e}', 'the year when {e} was founded', "{e}'s year of origin"],
    questions: [
      'when was {e} founded',
      'in which year was {e} built',
      'how far back does {e} date',
      'what year did {e} start',
    ],
  },
  {
    key: 'famous_for',
    value: oneOf(words.fame),
    statements: ['{e} is famous for {v}.', 'Visitors come to {e} for {v}.', '{e} is known for {v}.'],
    nouns: ['the main sight of {e}', 'the attraction of {e}', "{e}'s claim to fame"],
    questions: ['what is {e} famous for', 'why do visitors come to {e}', 'what is {e} known for'],
  },
  {
    key: 'market_day',
    value: oneOf(words.days),
    statements: [
      'The market in {e} is on {v}.',
      '{e} holds its market every {v}.',
      'Every {v} there is a market in {e}.',
    ],
    nouns: ['the market day in {e}', 'the market day of {e}', "{e}'s market day"],
    questions: ['when is the market in {e}', 'on which day does {e} hold its market', 'which day is market day in {e}'],
  },
  {
    key: 'festival',
    value: oneOf(words.months),
    statements: [
      'The festival of {e} is in {v}.',
      '{e} celebrates its festival in {v}.',
      'In {v} {e} has a big festival.',
    ],
    nouns: ['the festival month of {e}', 'the month of the festival in {e}'],
    questions: [
      'when is the festival of {e}',
      'in which month does {e} celebrate',
      'which month brings the festival to {e}',
    ],
  },
];
