import { code, companyName } from '../names.ts';
import * as words from '../words.ts';
import { oneOf, type Relation } from './relation.ts';

export const productRelations: readonly Relation[] = [
  {
    key: 'price',
    value: (random) => `${random.integer(5, 990)} ${random.pick(['euros', 'dollars'])}`,
    statements: ['The {e} costs {v}.', 'The price of the {e} is {v}.', 'You can buy the {e} for {v}.'],
    nouns: ['the price of the {e}', 'the cost of the {e}', "the {e}'s price"],
    questions: [
      'how much is the {e}',
      'how much does the {e} cost',
      'what does the {e} cost',
      'what do I pay for the {e}',
    ],
  },
  {
    key: 'maker',
    value: companyName,
    statements: ['The {e} is made by {v}.', '{v} makes the {e}.', 'The maker of the {e} is {v}.'],
    nouns: ['the maker of the {e}', 'the producer of the {e}', "the {e}'s manufacturer"],
    questions: [
      'who makes the {e}',
      'which company makes the {e}',
      'who produces the {e}',
      'where does the {e} come from',
    ],
  },
  {
    key: 'colour',
    value: oneOf(words.colours),
    statements: ['The {e} is {v}.', 'The colour of the {e} is {v}.', 'The {e} comes in {v}.'],
    nouns: ['the colour of the {e}', "the {e}'s colour"],
    questions: ['what colour is the {e}', 'which colour does the {e} have', 'in which colour does the {e} come'],
  },
  {
    key: 'weight',
    value: (random) => `${random.integer(2, 95)} ${random.pick(['kg', 'pounds'])}`,
    statements: ['The {e} weighs {v}.', 'The weight of the {e} is {v}.', 'On the scale the {e} shows {v}.'],
    nouns: ['the weight of the {e}', "the {e}'s weight"],
    questions: ['how heavy is the {e}', 'how much does the {e} weigh', 'what does the {e} weigh'],
  },
  {
    key: 'warranty',
    value: (random) => `${random.integer(2, 36)} ${random.pick(['months', 'years'])}`,
    statements: ['The {e} has a warranty of {v}.', 'The warranty on the {e} lasts {v}.', 'The {e} is covered for {v}.'],
    nouns: ['the warranty of the {e}', 'the warranty period of the {e}', 'the guarantee on the {e}'],
    questions: [
      'how long is the warranty on the {e}',
      'how long is the {e} covered',
      'for how long is the {e} under warranty',
    ],
  },
  {
    key: 'material',
    value: oneOf(words.materials),
    statements: ['The {e} is made of {v}.', 'The material of the {e} is {v}.', 'They build the {e} from {v}.'],
    nouns: ['the material of the {e}', "the {e}'s material"],
    questions: ['what is the {e} made of', 'which material is used for the {e}', 'what is the {e} built from'],
  },
  {
    key: 'battery',
    value: (random) => `${random.integer(3, 72)} hours`,
    statements: [
      'The battery of the {e} lasts {v}.',
      'The {e} runs for {v} on one charge.',
      'One charge gives the {e} {v}.',
    ],
    nouns: ['the battery life of the {e}', 'the running time of the {e}', "the {e}'s battery life"],
    questions: [
      'how long does the battery of the {e} last',
      'how long does the {e} run on one charge',
      'how long can I use the {e} on a charge',
    ],
  },
  {
    key: 'code',
    value: code,
    statements: [
      'The code of the {e} is {v}.',
      'Order the {e} under the code {v}.',
      'The {e} has the article number {v}.',
    ],
    nouns: ['the code of the {e}', 'the order code of the {e}', 'the article number of the {e}'],
    questions: [
      'which code does the {e} have',
      'under which code do I order the {e}',
      'what code do I use for the {e}',
    ],
  },
  {
    key: 'button',
    value: (random) => `${random.pick(words.colours)} ${random.pick(['button', 'switch', 'key', 'lever'])}`,
    statements: ['To start the {e}, press the {v}.', 'The {v} starts the {e}.', 'The {e} starts with the {v}.'],
    nouns: ['the start control of the {e}', 'the way to start the {e}'],
    questions: [
      'how do I start the {e}',
      'how do I turn on the {e}',
      'what starts the {e}',
      'which control starts the {e}',
    ],
  },
  {
    key: 'shelf',
    value: (random) => `${random.pick(['aisle', 'shelf', 'room', 'row'])} ${random.integer(1, 60)}`,
    statements: ['The {e} is kept in {v}.', 'You find the {e} in {v}.', 'We store the {e} in {v}.'],
    nouns: ['the storage place of the {e}', 'the place of the {e}', 'the location of the {e}'],
    questions: ['where is the {e}', 'where do we keep the {e}', 'where is the {e} stored', 'where can I find the {e}'],
  },
];
