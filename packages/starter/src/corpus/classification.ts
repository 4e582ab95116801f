/** Classification: sentiment, topic, intent, urgency. The labels to choose from stand in the prompt. */
import { coinedName, givenName, productName } from './names.ts';
import type { Random } from './random.ts';
import { article, capital, conversation, fill, type Skill, type Split } from './skill.ts';
import { colours, days, foods, objects } from './words.ts';

type Task = {
  questions: readonly string[];
  examples: Readonly<Record<string, readonly string[]>>;
  labels: Readonly<Record<string, readonly string[]>>;
};

/** `labels` gives other names a label may go by in the prompt, so that the answer must be read from the list. */
const tasks: readonly Task[] = [
  {
    questions: [
      'What is the sentiment?',
      'Classify the sentiment.',
      'How does the writer feel?',
      'Is this good or bad?',
      'Judge the mood of the text.',
    ],
    labels: {
      positive: ['positive', 'good', 'happy'],
      negative: ['negative', 'bad', 'unhappy'],
      neutral: ['neutral', 'mixed', 'plain'],
    },
    examples: {
      positive: [
        'I love my new {p}.',
        'The {p} works very well.',
        '{g} was so kind and helpful.',
        'What a great {p}, I am happy with it.',
        'Best {f} I ever had.',
        'The {p} is excellent and easy to use.',
        'Thank you, the {o} is beautiful.',
        'I enjoyed the dinner with {g} very much.',
        'Wonderful service, I will come back.',
        'The {f} tasted fantastic.',
      ],
      negative: [
        'I hate my new {p}.',
        'The {p} broke after one day.',
        '{g} was rude and slow.',
        'What a terrible {p}, I want my money back.',
        'Worst {f} I ever had.',
        'The {p} is awful and hard to use.',
        'The {o} came dirty and damaged.',
        'I am angry with {g}.',
        'Poor service, I will never come back.',
        'The {f} tasted horrible.',
      ],
      neutral: [
        'The {p} is {c}.',
        'I bought a {p} on {d}.',
        '{g} sent the {o} on {d}.',
        'The {o} lies next to the {p}.',
        'We had {f} for lunch.',
        'The {p} comes in a {c} box.',
      ],
    },
  },
  {
    questions: [
      'What is the topic?',
      'Classify the topic.',
      'What is this text about?',
      'Choose the subject of the text.',
      'Which topic fits?',
    ],
    labels: {
      sports: ['sports', 'sport'],
      food: ['food', 'cooking'],
      weather: ['weather', 'climate'],
      money: ['money', 'finance'],
      travel: ['travel', 'trips'],
      health: ['health', 'medicine'],
    },
    examples: {
      sports: [
        '{g} scored two goals in the match.',
        'The team won the race on {d}.',
        'The player threw the ball to {g}.',
        'The coach praised the runners.',
        'Our club lost the final game.',
      ],
      food: [
        '{g} cooked {f} for dinner.',
        'Mix the flour with butter and bake it.',
        'The {f} needs more salt.',
        'Add {f} to the soup and stir.',
        'The kitchen smelled of fresh {f}.',
      ],
      weather: [
        'It will rain on {d}.',
        'The wind is strong and snow is coming.',
        'The sun shines all day.',
        'A storm moves toward the coast.',
        'Clouds and fog on {d} morning.',
      ],
      money: [
        'The bank raised its interest rate.',
        '{g} paid back the loan.',
        'The price of the share fell.',
        'Save part of your wages each month.',
        'The tax is due on {d}.',
      ],
      travel: [
        'The train to the coast leaves on {d}.',
        '{g} booked a hotel near the beach.',
        'Pack your passport and your map.',
        'Our flight landed late.',
        'The tour visits three old towns.',
      ],
      health: [
        '{g} has a fever and a cough.',
        'The doctor gave me pills.',
        'Sleep well and drink water.',
        'The nurse cleaned the wound.',
        'My back hurts since {d}.',
      ],
    },
  },
  {
    questions: [
      'What does the customer want?',
      'Classify the intent.',
      'What is the intent?',
      'Which request is this?',
      'Pick the right intent.',
    ],
    labels: {
      refund: ['refund', 'money_back'],
      order_status: ['order_status', 'tracking'],
      cancel: ['cancel', 'cancellation'],
      complaint: ['complaint', 'problem'],
      question: ['question', 'information'],
      greeting: ['greeting', 'hello'],
    },
    examples: {
      refund: [
        'I want my money back for the {p}.',
        'Please return my payment.',
        'Refund the {o}, please.',
        'I sent the {p} back, when do I get my money?',
      ],
      order_status: [
        'Where is my {p}?',
        'Has my parcel been sent?',
        'When will the {o} arrive?',
        'I ordered on {d}, where is my package?',
      ],
      cancel: [
        'Stop my order of the {p}.',
        'I do not want the {o} any more, cancel it.',
        'Cancel my subscription.',
        'Please call off the delivery on {d}.',
      ],
      complaint: [
        'The {p} does not work.',
        'My {o} arrived broken.',
        'The screen of the {p} stays dark.',
        'I am not satisfied with the {p}.',
      ],
      question: ['How do I clean the {p}?', 'Does the {p} come in {c}?', 'Do you sell {f}?', 'Are you open on {d}?'],
      greeting: ['Hello there!', 'Good morning.', 'Hi, my name is {g}.', 'Good evening, {g} here.'],
    },
  },
  {
    questions: [
      'How urgent is this?',
      'Classify the urgency.',
      'Set the priority.',
      'Which priority fits?',
      'Rate the urgency of the message.',
    ],
    labels: { high: ['high', 'urgent', 'critical'], low: ['low', 'later', 'minor'] },
    examples: {
      high: [
        'Help, the {p} is on fire!',
        'We need the {o} right now.',
        'Everything is down, call {g} at once.',
        'Water is running into the office, hurry!',
        'Emergency: the {p} is smoking.',
        'Nobody can work until this is fixed today.',
      ],
      low: [
        'When you have time, look at the {p}.',
        'No hurry, but the {o} needs paint.',
        'Some day I would like a {c} {o}.',
        'Not important: the {p} is a bit dusty.',
        'Next month is fine for the {o}.',
        'Just an idea: put the {o} near the door.',
      ],
    },
  },
];

const frames = [
  '{q} Labels: {l}.\n{t}',
  '{t}\n{q} Answer with one of: {l}.',
  '{q} Choose from {l}.\nText: {t}',
  'Text: {t}\n{q}\nOptions: {l}',
  'Labels: {l}\n{q}\n{t}',
  '{q} ({l}) {t}',
];

function example(random: Random, split: Split, template: string): string {
  return capital(
    article(
      fill(template, {
        p: random.chance(0.5) ? productName(random, split) : random.pick(objects),
        g: givenName(random, split),
        f: random.pick(foods),
        o: random.pick(objects),
        c: random.pick(colours),
        d: random.pick(days),
        n: coinedName(random, split),
      }),
    ),
  );
}

export const classification: Skill = {
  name: 'classification',
  share: 8,
  make(random, split) {
    const task = random.pick(tasks);
    const names = Object.keys(task.labels);
    const right = random.pick(names);
    const others = random.shuffle(names.filter((name) => name !== right)).slice(0, random.integer(1, 3));
    const offered = random.shuffle([right, ...others]);
    const shown = new Map(offered.map((name) => [name, random.pick(task.labels[name]!)]));
    const labels = [...shown.values()].join(', ');
    const question = random.pick(task.questions);
    const turn = (name: string): [text: string, label: string] => [
      example(random, split, random.pick(task.examples[name]!)),
      shown.get(name)!,
    ];
    if (random.chance(0.35)) {
      const turns = Array.from({ length: random.integer(1, 4) }, () => turn(random.pick(offered)));
      return conversation(
        turns,
        fill(
          random.pick(['{q} Answer with one of: {l}.', 'You classify texts. {q} Labels: {l}.', '{q} Choose from {l}.']),
          { q: question, l: labels },
        ),
      );
    }
    const [text, label] = turn(right);
    return conversation([[fill(random.pick(frames), { q: question, l: labels, t: text }), label]]);
  },
};
