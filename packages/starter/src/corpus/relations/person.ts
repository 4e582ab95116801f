import { companyName, givenName, placeName } from '../names.ts';
import * as words from '../words.ts';
import { number, oneOf, type Relation } from './relation.ts';

export const personRelations: readonly Relation[] = [
  {
    key: 'job',
    value: oneOf(words.jobs),
    statements: ['{e} is a {v}.', '{e} works as a {v}.', 'The job of {e} is {v}.', '{e} earns a living as a {v}.'],
    nouns: ['the job of {e}', "{e}'s job", "{e}'s profession", 'the occupation of {e}'],
    questions: [
      'what does {e} do for a living',
      'what is {e} by profession',
      'what kind of work does {e} do',
      'what does {e} work as',
    ],
  },
  {
    key: 'city',
    value: placeName,
    statements: [
      '{e} lives in {v}.',
      'The home of {e} is in {v}.',
      '{e} has a house in {v}.',
      '{v} is where {e} lives.',
    ],
    nouns: ['the home town of {e}', "{e}'s city", 'the town where {e} lives', "{e}'s place of residence"],
    questions: [
      'where does {e} live',
      'in which town does {e} live',
      'which city is home to {e}',
      'where is the home of {e}',
    ],
  },
  {
    key: 'age',
    value: number(18, 89),
    statements: ['{e} is {v} years old.', 'The age of {e} is {v}.', '{e} has just turned {v}.'],
    nouns: ['the age of {e}', "{e}'s age"],
    questions: ['how old is {e}', 'how many years old is {e}', 'what age is {e}'],
  },
  {
    key: 'colour',
    value: oneOf(words.colours),
    statements: ['The favourite colour of {e} is {v}.', '{e} likes the colour {v} best.', '{e} always wears {v}.'],
    nouns: ['the favourite colour of {e}', "{e}'s favourite colour", 'the colour that {e} likes'],
    questions: ['which colour does {e} like best', 'what colour does {e} prefer', 'which colour does {e} wear'],
  },
  {
    key: 'pet',
    value: oneOf(words.animals),
    statements: ['{e} has a {v}.', '{e} keeps a {v} at home.', 'The pet of {e} is a {v}.'],
    nouns: ['the pet of {e}', "{e}'s pet", 'the animal that {e} keeps'],
    questions: ['which animal does {e} have', 'what pet does {e} keep', 'what kind of animal lives with {e}'],
  },
  {
    key: 'hobby',
    value: oneOf(words.hobbies),
    statements: [
      '{e} enjoys {v}.',
      'The hobby of {e} is {v}.',
      'On weekends {e} goes {v}.',
      'In free time {e} likes {v}.',
    ],
    nouns: ['the hobby of {e}', "{e}'s hobby", "{e}'s favourite pastime"],
    questions: ['what does {e} enjoy', 'what does {e} do on weekends', 'what does {e} like to do in free time'],
  },
  {
    key: 'food',
    value: oneOf(words.foods),
    statements: ['{e} loves {v}.', 'The favourite food of {e} is {v}.', '{e} eats {v} every day.'],
    nouns: ['the favourite food of {e}', "{e}'s favourite food", 'the food that {e} loves'],
    questions: ['what does {e} love to eat', 'what does {e} eat every day', 'which food does {e} like most'],
  },
  {
    key: 'employer',
    value: companyName,
    statements: ['{e} works for {v}.', '{v} employs {e}.', 'The employer of {e} is {v}.'],
    nouns: ['the employer of {e}', "{e}'s employer", 'the company that employs {e}'],
    questions: ['who employs {e}', 'which company does {e} work for', 'where is {e} employed'],
  },
  {
    key: 'birthday',
    value: (random) => `${random.pick(words.months)} ${random.integer(1, 28)}`,
    statements: ['{e} was born on {v}.', 'The birthday of {e} is {v}.', '{e} celebrates a birthday on {v}.'],
    nouns: ['the birthday of {e}', "{e}'s birthday", "{e}'s date of birth"],
    questions: ['when was {e} born', 'when does {e} celebrate a birthday', 'on which day was {e} born'],
  },
  {
    key: 'friend',
    value: givenName,
    statements: ['The best friend of {e} is {v}.', '{e} is a friend of {v}.', '{e} spends much time with {v}.'],
    nouns: ['the best friend of {e}', "{e}'s friend", 'the friend of {e}'],
    questions: ['who is a friend of {e}', 'with whom does {e} spend time', 'who is close to {e}'],
  },
  {
    key: 'phone',
    value: number(1000, 9999),
    statements: ['The phone number of {e} is {v}.', 'You can call {e} at {v}.', '{e} answers the phone at {v}.'],
    nouns: ['the phone number of {e}', "{e}'s phone number", "{e}'s extension"],
    questions: ['how can I call {e}', 'which number reaches {e}', 'what number do I dial for {e}'],
  },
  {
    key: 'instrument',
    value: oneOf(words.instruments),
    statements: ['{e} plays the {v}.', 'The instrument of {e} is the {v}.', '{e} practises the {v} each evening.'],
    nouns: ['the instrument of {e}', "{e}'s instrument", 'the instrument that {e} plays'],
    questions: ['what does {e} play', 'which instrument does {e} practise', 'what instrument does {e} play'],
  },
  {
    key: 'language',
    value: oneOf(words.languages),
    statements: ['{e} speaks {v}.', '{e} is learning {v}.', 'The language of {e} is {v}.'],
    nouns: ['the language of {e}', "{e}'s language", 'the language that {e} speaks'],
    questions: ['what does {e} speak', 'which language does {e} know', 'what language does {e} speak'],
  },
];
