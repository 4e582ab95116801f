import { givenName } from '../names.ts';
import * as words from '../words.ts';
import { oneOf, type Relation } from './relation.ts';

export const eventRelations: readonly Relation[] = [
  {
    key: 'day',
    value: oneOf(words.days),
    statements: ['The {e} is on {v}.', 'The {e} takes place on {v}.', 'We hold the {e} on {v}.'],
    nouns: ['the day of the {e}', 'the date of the {e}'],
    questions: ['when is the {e}', 'on which day is the {e}', 'what day does the {e} take place'],
  },
  {
    key: 'time',
    value: (random) => `${random.integer(1, 12)} ${random.pick(['am', 'pm'])}`,
    statements: ['The {e} starts at {v}.', 'The {e} begins at {v}.', 'Be at the {e} by {v}.'],
    nouns: ['the start time of the {e}', 'the hour of the {e}'],
    questions: ['at what time does the {e} start', 'when does the {e} begin', 'what time is the {e}'],
  },
  {
    key: 'room',
    value: (random) => `room ${random.integer(1, 40)}`,
    statements: ['The {e} is in {v}.', 'We meet for the {e} in {v}.', 'The {e} will be held in {v}.'],
    nouns: ['the room of the {e}', 'the place of the {e}'],
    questions: ['where is the {e}', 'in which room is the {e}', 'where do we meet for the {e}'],
  },
  {
    key: 'host',
    value: givenName,
    statements: ['{v} hosts the {e}.', 'The host of the {e} is {v}.', 'The {e} is organised by {v}.'],
    nouns: ['the host of the {e}', 'the organiser of the {e}'],
    questions: ['who hosts the {e}', 'who organises the {e}', 'who invites people to the {e}'],
  },
  {
    key: 'ticket',
    value: (random) => `${random.integer(2, 60)} euros`,
    statements: ['A ticket for the {e} costs {v}.', 'You pay {v} to get into the {e}.', 'Tickets for the {e} are {v}.'],
    nouns: ['the ticket price for the {e}', 'the entry fee of the {e}'],
    questions: ['how much is a ticket for the {e}', 'what do I pay to get into the {e}', 'how much does the {e} cost'],
  },
];
