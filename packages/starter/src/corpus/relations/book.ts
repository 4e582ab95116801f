import { givenName, personName } from '../names.ts';
import * as words from '../words.ts';
import { number, oneOf, type Relation } from './relation.ts';

export const bookRelations: readonly Relation[] = [
  {
    key: 'author',
    value: personName,
    statements: ['The book {e} was written by {v}.', '{v} wrote {e}.', 'The author of {e} is {v}.'],
    nouns: ['the author of {e}', 'the writer of {e}', "{e}'s author"],
    questions: ['who wrote {e}', 'who is the author of {e}', 'by whom was {e} written'],
  },
  {
    key: 'pages',
    value: number(60, 900),
    statements: ['{e} has {v} pages.', 'The length of {e} is {v} pages.', 'There are {v} pages in {e}.'],
    nouns: ['the number of pages in {e}', 'the page count of {e}', 'the length of {e}'],
    questions: ['how many pages does {e} have', 'how long is {e}', 'how many pages are in {e}'],
  },
  {
    key: 'genre',
    value: oneOf(words.genres),
    statements: ['{e} is a work of {v}.', 'The genre of {e} is {v}.', 'You find {e} under {v}.'],
    nouns: ['the genre of {e}', "{e}'s genre"],
    questions: ['what kind of book is {e}', 'which genre is {e}', 'under what do I find {e}'],
  },
  {
    key: 'hero',
    value: givenName,
    statements: ['The hero of {e} is {v}.', '{e} tells the story of {v}.', 'In {e} we follow {v}.'],
    nouns: ['the hero of {e}', 'the main character of {e}'],
    questions: ['who is the hero of {e}', 'whose story does {e} tell', 'whom do we follow in {e}'],
  },
  {
    key: 'year',
    value: number(1890, 2024),
    statements: ['{e} came out in {v}.', '{e} was published in {v}.', 'The first edition of {e} is from {v}.'],
    nouns: ['the publication year of {e}', 'the year of {e}'],
    questions: ['when did {e} come out', 'when was {e} published', 'in which year did {e} appear'],
  },
];
