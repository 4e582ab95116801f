/** Function calls: tools described to the model, a request, the call; sometimes the tool's answer and the reply to it. */
import { coinedName, givenName, placeName, productName } from './names.ts';
import type { Random } from './random.ts';
import { capital, fill, type ConversationRecord, type Message, type Skill, type Split, type Tool } from './skill.ts';
import { colours, days, foods, languages, months, rooms } from './words.ts';

type Value = (random: Random, split: Split) => string | number;
type ToolKind = {
  names: readonly string[];
  description: string;
  parameters: Readonly<Record<string, { type: string; value: Value }>>;
  requests: readonly string[];
  /** What the tool answers, and how the assistant passes it on. */
  result: { value: Value; says: string };
};

const number =
  (low: number, high: number): Value =>
  (random) =>
    random.integer(low, high);
const oneOf =
  (items: readonly string[]): Value =>
  (random) =>
    random.pick(items);

const toolKinds: readonly ToolKind[] = [
  {
    names: ['get_weather', 'weather', 'forecast'],
    description: 'Get the weather of a city',
    parameters: { city: { type: 'string', value: placeName } },
    requests: [
      'What is the weather in {city}?',
      'How is the weather in {city} today?',
      'Will it rain in {city}?',
      'Weather for {city}, please.',
    ],
    result: {
      value: (random) => `${random.pick(['sunny', 'rain', 'snow', 'fog', 'clouds'])}, ${random.integer(1, 35)} degrees`,
      says: 'The weather in {city}: {r}.',
    },
  },
  {
    names: ['send_mail', 'send_message', 'write_to'],
    description: 'Send a message to a person',
    parameters: {
      to: { type: 'string', value: givenName },
      text: {
        type: 'string',
        value: oneOf([
          'I am late',
          'see you soon',
          'call me back',
          'the key is here',
          'dinner is ready',
          'thank you',
          'the door is open',
        ]),
      },
    },
    requests: [
      'Tell {to} this: {text}',
      'Send {to} the message {text}',
      'Write to {to}: {text}',
      'Please send "{text}" to {to}.',
    ],
    result: { value: oneOf(['sent', 'delivered']), says: 'Your message to {to} was {r}.' },
  },
  {
    names: ['get_price', 'price_of', 'lookup_price'],
    description: 'Find the price of a product',
    parameters: { product: { type: 'string', value: productName } },
    requests: [
      'How much is the {product}?',
      'Price of the {product}?',
      'What does the {product} cost?',
      'Find the price of the {product}.',
    ],
    result: { value: (random) => `${random.integer(5, 900)} euros`, says: 'The {product} costs {r}.' },
  },
  {
    names: ['add', 'sum', 'add_numbers'],
    description: 'Add two numbers',
    parameters: { a: { type: 'number', value: number(1, 999) }, b: { type: 'number', value: number(1, 999) } },
    requests: ['Add {a} and {b}.', 'What is {a} plus {b}?', '{a} + {b}?', 'Sum up {a} and {b}.'],
    result: { value: number(2, 1998), says: 'The sum is {r}.' },
  },
  {
    names: ['set_timer', 'start_timer', 'timer'],
    description: 'Start a timer',
    parameters: { minutes: { type: 'number', value: number(1, 90) } },
    requests: [
      'Set a timer for {minutes} minutes.',
      'Wake me in {minutes} minutes.',
      'Timer: {minutes} minutes.',
      'Start a {minutes} minute timer.',
    ],
    result: { value: oneOf(['started', 'running']), says: 'The timer of {minutes} minutes is {r}.' },
  },
  {
    names: ['book_table', 'reserve_table', 'reserve'],
    description: 'Book a table at a restaurant',
    parameters: {
      restaurant: { type: 'string', value: coinedName },
      day: { type: 'string', value: oneOf(days) },
      guests: { type: 'number', value: number(2, 12) },
    },
    requests: [
      'Book a table for {guests} at {restaurant} on {day}.',
      'A table at {restaurant} on {day} for {guests} people, please.',
      'Reserve {restaurant} for {day}, {guests} guests.',
    ],
    result: { value: (random) => `table ${random.integer(1, 40)}`, says: 'You have {r} at {restaurant} on {day}.' },
  },
  {
    names: ['translate', 'translate_word'],
    description: 'Translate a word',
    parameters: {
      word: { type: 'string', value: oneOf(foods) },
      language: { type: 'string', value: oneOf(languages) },
    },
    requests: [
      'Translate {word} into {language}.',
      'What is {word} in {language}?',
      'How do you say {word} in {language}?',
    ],
    result: { value: (random, split) => coinedName(random, split).toLowerCase(), says: 'In {language} {word} is {r}.' },
  },
  {
    names: ['set_light', 'switch_light', 'light'],
    description: 'Set the light of a room',
    parameters: { room: { type: 'string', value: oneOf(rooms) }, colour: { type: 'string', value: oneOf(colours) } },
    requests: [
      'Make the {room} light {colour}.',
      'Set the light in the {room} to {colour}.',
      'I want {colour} light in the {room}.',
    ],
    result: { value: oneOf(['done', 'set']), says: 'The light in the {room} is now {colour}.' },
  },
  {
    names: ['order_status', 'track_order', 'find_order'],
    description: 'Find where an order is',
    parameters: { order: { type: 'number', value: number(1000, 9999) } },
    requests: [
      'Where is order {order}?',
      'Track my order {order}.',
      'What about order number {order}?',
      'Status of {order}, please.',
    ],
    result: { value: oneOf(['packed', 'on the way', 'delivered', 'delayed']), says: 'Order {order} is {r}.' },
  },
  {
    names: ['add_event', 'make_appointment', 'schedule'],
    description: 'Put an event in the calendar',
    parameters: {
      title: { type: 'string', value: oneOf(['lunch', 'meeting', 'dentist', 'gym', 'party', 'call', 'lesson']) },
      month: { type: 'string', value: oneOf(months) },
      day: { type: 'number', value: number(1, 28) },
    },
    requests: [
      'Put {title} in my calendar on {month} {day}.',
      'Add {title} for {month} {day}.',
      'I have {title} on {month} {day}, note it.',
    ],
    result: { value: oneOf(['saved', 'noted']), says: 'Your {title} on {month} {day} is {r}.' },
  },
];

function describeTool(kind: ToolKind, name: string): Tool {
  const properties = Object.fromEntries(
    Object.entries(kind.parameters).map(([key, parameter]) => [key, { type: parameter.type }]),
  );
  return {
    type: 'function',
    function: {
      name,
      description: kind.description,
      parameters: { type: 'object', properties, required: Object.keys(properties) },
    },
  };
}

/** A call in the form the chat template teaches (Hermes style). */
export function toolCall(name: string, args: Record<string, unknown>): string {
  return `<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`;
}

export const toolCalls: Skill = {
  name: 'tool_calls',
  share: 9,
  make(random, split): ConversationRecord {
    const offered = random
      .sample(toolKinds, random.integer(1, 3))
      .map((kind) => ({ kind, name: random.pick(kind.names) }));
    const tools = offered.map(({ kind, name }) => describeTool(kind, name));
    const messages: Message[] = random.chance(0.3)
      ? [
          {
            role: 'system',
            content: random.pick(['You are a helpful assistant.', 'Use the tools when you can.', 'Be brief.']),
          },
        ]
      : [];
    if (random.chance(0.12)) {
      messages.push(
        ...random
          .pick([
            ['Hello!', 'Hello! How can I help?'],
            ['Thank you', 'You are welcome.'],
            ['Good morning', 'Good morning! How can I help?'],
            ['How are you?', 'I am fine, thank you. And you?'],
          ])
          .map((content, i): Message => ({ role: i === 0 ? 'user' : 'assistant', content })),
      );
      return { kind: 'conversation', messages, tools };
    }
    const { kind, name } = random.pick(offered);
    const args = Object.fromEntries(
      Object.entries(kind.parameters).map(([key, parameter]) => [key, parameter.value(random, split)]),
    );
    messages.push(
      { role: 'user', content: capital(fill(random.pick(kind.requests), args)) },
      { role: 'assistant', content: toolCall(name, args) },
    );
    if (random.chance(0.4)) {
      const result = String(kind.result.value(random, split));
      messages.push(
        { role: 'tool', content: result },
        { role: 'assistant', content: fill(kind.result.says, { ...args, r: result }) },
      );
    }
    return { kind: 'conversation', messages, tools };
  },
};
