import { personName, placeName } from '../names.ts';
import * as words from '../words.ts';
import { number, oneOf, type Relation } from './relation.ts';

export const companyRelations: readonly Relation[] = [
  {
    key: 'founder',
    value: personName,
    statements: ['{e} was founded by {v}.', '{v} started {e}.', 'The founder of {e} is {v}.'],
    nouns: ['the founder of {e}', "{e}'s founder", 'the person who started {e}'],
    questions: ['who founded {e}', 'who started {e}', 'who set up {e}', 'who created {e}'],
  },
  {
    key: 'city',
    value: placeName,
    statements: ['{e} is based in {v}.', 'The head office of {e} is in {v}.', '{e} has its main office in {v}.'],
    nouns: ['the head office of {e}', 'the location of {e}', "{e}'s home city"],
    questions: [
      'where is {e} based',
      'where is the head office of {e}',
      'in which city is {e}',
      'where can I find {e}',
    ],
  },
  {
    key: 'industry',
    value: oneOf(words.industries),
    statements: ['{e} is in the {v} business.', 'The business of {e} is {v}.', '{e} makes its money with {v}.'],
    nouns: ['the business of {e}', "{e}'s industry", 'the field of {e}'],
    questions: [
      'what business is {e} in',
      'how does {e} make its money',
      'what does {e} do',
      'which industry is {e} in',
    ],
  },
  {
    key: 'employees',
    value: number(12, 990),
    statements: ['{e} has {v} employees.', '{v} people work at {e}.', 'The staff of {e} counts {v} people.'],
    nouns: ['the number of employees of {e}', "{e}'s staff size", 'the size of {e}'],
    questions: ['how many people work at {e}', 'how many employees does {e} have', 'how big is the staff of {e}'],
  },
  {
    key: 'phone',
    value: number(1000, 9999),
    statements: ['The phone number of {e} is {v}.', 'You can call {e} at {v}.', '{e} takes calls at {v}.'],
    nouns: ['the phone number of {e}', "{e}'s phone number", 'the number of {e}'],
    questions: ['how can I call {e}', 'which number reaches {e}', 'what number do I dial for {e}'],
  },
  {
    key: 'opens',
    value: (random) => `${random.integer(6, 11)} am`,
    statements: ['{e} opens at {v}.', 'The doors of {e} open at {v}.', '{e} is open from {v}.'],
    nouns: ['the opening time of {e}', "{e}'s opening hour"],
    questions: ['when does {e} open', 'at what time does {e} open', 'from when is {e} open'],
  },
  {
    key: 'closes',
    value: (random) => `${random.integer(3, 10)} pm`,
    statements: ['{e} closes at {v}.', 'The doors of {e} close at {v}.', '{e} shuts at {v}.'],
    nouns: ['the closing time of {e}', "{e}'s closing hour"],
    questions: ['when does {e} close', 'at what time does {e} close', 'how late is {e} open', 'until when is {e} open'],
  },
  {
    key: 'logo',
    value: (random) => `${random.pick(words.colours)} ${random.pick(words.animals)}`,
    statements: ['The logo of {e} is a {v}.', '{e} has a {v} as its logo.', 'A {v} is the sign of {e}.'],
    nouns: ['the logo of {e}', "{e}'s logo", 'the sign of {e}'],
    questions: ['what does the logo of {e} show', 'what is on the logo of {e}', 'which sign does {e} use'],
  },
  {
    key: 'boss',
    value: personName,
    statements: ['The manager of {e} is {v}.', '{v} manages {e}.', '{e} is run by {v}.'],
    nouns: ['the manager of {e}', 'the boss of {e}', "{e}'s director"],
    questions: ['who manages {e}', 'who runs {e}', 'who is in charge of {e}', 'who is the boss at {e}'],
  },
];
