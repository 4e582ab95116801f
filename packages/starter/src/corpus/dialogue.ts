/** Short dialogues under a system prompt: a persona with facts of its own, a rule on the form of answers, small talk. */
import { companyName, givenName, placeName } from './names.ts';
import type { Random } from './random.ts';
import { article, capital, conversation, fill, type CorpusRecord, type Skill, type Split } from './skill.ts';
import { adjectives, colours, foods, hobbies, jobs, objects } from './words.ts';

type Turn = [question: string, answer: string];

const greetings: readonly Turn[] = [
  ['Hello!', 'Hello! How can I help?'],
  ['Hi', 'Hi! What can I do for you?'],
  ['Good morning', 'Good morning! How can I help?'],
  ['Good evening', 'Good evening! How can I help?'],
  ['How are you?', 'I am fine, thank you. And you?'],
  ['Hey there', 'Hello! What can I do for you?'],
];
const closings: readonly Turn[] = [
  ['Thanks!', 'You are welcome.'],
  ['Thank you', 'You are welcome.'],
  ['Bye', 'Goodbye!'],
  ['See you later', 'See you later!'],
  ['That is all', 'Glad to help.'],
  ['Great, thanks', 'You are welcome.'],
];

/** `{v}` is the fact; question words and the answer's sentence differ by fact. */
function personaFacts(random: Random, split: Split) {
  return random.sample(
    [
      {
        told: ['Your name is {v}.', 'You are called {v}.'],
        value: givenName(random, split),
        asks: ['What is your name?', 'Who are you?', 'What are you called?'],
        says: ['My name is {v}.', 'I am {v}.'],
      },
      {
        told: ['You live in {v}.', 'Your home is {v}.'],
        value: placeName(random, split),
        asks: ['Where do you live?', 'Where is your home?', 'Which town are you from?'],
        says: ['I live in {v}.'],
      },
      {
        told: ['You work for {v}.', 'Your company is {v}.'],
        value: companyName(random, split),
        asks: ['Who do you work for?', 'What is your company?', 'Where do you work?'],
        says: ['I work for {v}.'],
      },
      {
        told: ['You are a {v}.', 'Your job is {v}.'],
        value: random.pick(jobs),
        asks: ['What is your job?', 'What do you do?', 'What is your profession?'],
        says: ['I am a {v}.'],
      },
      {
        told: ['You love {v}.', 'Your favourite food is {v}.'],
        value: random.pick(foods),
        asks: ['What do you like to eat?', 'What is your favourite food?'],
        says: ['I love {v}.'],
      },
      {
        told: ['You enjoy {v}.', 'Your hobby is {v}.'],
        value: random.pick(hobbies),
        asks: ['What is your hobby?', 'What do you do for fun?'],
        says: ['I enjoy {v}.'],
      },
      {
        told: ['Your favourite colour is {v}.', 'You like {v} best.'],
        value: random.pick(colours),
        asks: ['What is your favourite colour?', 'Which colour do you like?'],
        says: ['My favourite colour is {v}.', 'I like {v} best.'],
      },
    ],
    random.integer(2, 4),
  );
}

function persona(random: Random, split: Split): CorpusRecord {
  const facts = personaFacts(random, split);
  const system = facts.map((fact) => article(fill(random.pick(fact.told), { v: fact.value }))).join(' ');
  const turns = random
    .shuffle(facts)
    .map((fact): Turn => [random.pick(fact.asks), article(fill(fact.says[0]!, { v: fact.value }))]);
  if (random.chance(0.2)) turns.unshift(random.pick(greetings));
  if (random.chance(0.2)) turns.push(random.pick(closings));
  return conversation(turns, system);
}

const rules: readonly { told: readonly string[]; apply(text: string): string }[] = [
  { told: ['Answer in upper case.', 'Always write in capital letters.'], apply: (text) => text.toUpperCase() },
  { told: ['Answer in lower case.', 'Never use capital letters.'], apply: (text) => text.toLowerCase() },
  { told: ['Answer with one word.', 'Use a single word.'], apply: (text) => text },
  {
    told: ['End each answer with an exclamation mark.', 'Be excited: end with an exclamation mark.'],
    apply: (text) => `${text}!`,
  },
  { told: ['Put each answer in quotes.', 'Answer in quotation marks.'], apply: (text) => `"${text}"` },
  { told: ['Start each answer with OK.', 'Begin every answer with OK.'], apply: (text) => `OK: ${text}` },
  {
    told: ['Answer as JSON with the key answer.', 'Give JSON like {"answer": ...}.'],
    apply: (text) => JSON.stringify({ answer: text }),
  },
];

function formatRule(random: Random, split: Split): CorpusRecord {
  const rule = random.pick(rules);
  const turns = Array.from({ length: random.integer(1, 3) }, (): Turn => {
    const thing = random.pick(objects);
    const quality = capital(random.pick([...adjectives, ...colours]));
    const owner = givenName(random, split);
    return random.chance(0.5)
      ? [
          fill(
            random.pick([
              'The {t} is {q}. How is the {t}?',
              'My {t} is {q}. What is my {t} like?',
              'I have a {q} {t}. How is it?',
            ]),
            { t: thing, q: quality.toLowerCase() },
          ),
          rule.apply(quality),
        ]
      : [
          fill(
            random.pick([
              'The {t} belongs to {o}. Whose {t} is it?',
              '{o} owns the {t}. Who owns it?',
              '{o} lost the {t}. Who lost it?',
            ]),
            { t: thing, o: owner },
          ),
          rule.apply(owner),
        ];
  });
  return conversation(turns, random.pick(rule.told));
}

/** The user tells something and asks for it later. */
function remembering(random: Random, split: Split): CorpusRecord {
  const name = givenName(random, split);
  const place = placeName(random, split);
  const thing = random.pick(objects);
  const told: { say: string; reply: string; ask: readonly string[]; answer: string }[] = [
    {
      say: random.pick(['My name is {v}.', 'I am {v}.', 'Call me {v}.']).replace('{v}', name),
      reply: `Nice to meet you, ${name}.`,
      ask: ['What is my name?', 'Who am I?', 'Do you know my name?'],
      answer: name,
    },
    {
      say: random.pick(['I live in {v}.', 'I come from {v}.']).replace('{v}', place),
      reply: `${place} sounds nice.`,
      ask: ['Where do I live?', 'Where am I from?', 'Which town is mine?'],
      answer: place,
    },
    {
      say: random.pick(['I lost my {v}.', 'I am looking for my {v}.']).replace('{v}', thing),
      reply: `I hope you find your ${thing}.`,
      ask: ['What did I lose?', 'What am I looking for?'],
      answer: capital(thing),
    },
  ];
  const chosen = random.sample(told, random.integer(1, 3));
  const turns: Turn[] = chosen.map((fact) => [fact.say, fact.reply]);
  turns.push(...random.shuffle(chosen).map((fact): Turn => [random.pick(fact.ask), fact.answer]));
  if (random.chance(0.3)) turns.unshift(random.pick(greetings));
  if (random.chance(0.3)) turns.push(random.pick(closings));
  return conversation(turns);
}

export const dialogue: Skill = {
  name: 'dialogue',
  share: 8,
  make(random, split) {
    const kind = random.next();
    if (kind < 0.4) return persona(random, split);
    if (kind < 0.7) return formatRule(random, split);
    return remembering(random, split);
  },
};
