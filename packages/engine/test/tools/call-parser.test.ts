import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CallParser, type Piece } from '../../src/tools/call-parser.ts';
import { parameterMeanings } from '../../src/tools/parameter-values.ts';
import { toolFormats, type ToolFormat } from '../../src/tools/tool-format.ts';

const format = (name: string): ToolFormat => toolFormats.find((each) => each.name === name)!;

type Result = { text: string; calls: { name: string; arguments: string }[] };

function parse(name: string, pieces: string[]): Result {
  const parser = new CallParser(format(name));
  const result: Result = { text: '', calls: [] };
  const take = (found: Piece[]) => {
    for (const piece of found) {
      if (piece.type === 'text') result.text += piece.text;
      else if (piece.type === 'call') result.calls[piece.index] = { name: piece.name, arguments: '' };
      else result.calls[piece.index]!.arguments += piece.text;
    }
  };
  for (const piece of pieces) take(parser.push(piece));
  take(parser.end());
  expect(parser.calls).toBe(result.calls.length);
  return result;
}

const a = { name: 'add', arguments: '{"a": 1, "b": {"c": "}\\""}}' };
const b = { name: 'get_weather', arguments: '{}' };
const marked = (call: typeof a) =>
  `<tool_call>\n{"name": "${call.name}", "arguments": ${call.arguments}}\n</tool_call>`;

const element = (name: string, value: string) => `<parameter=${name}>\n${value}\n</parameter>\n`;
const withElements = (name: string, ...elements: string[]) =>
  `<tool_call>\n<function=${name}>\n${elements.join('')}</function>\n</tool_call>`;

test.for<[name: string, text: string, result: Result]>([
  [
    'qwen3-coder',
    `Wait.\n${withElements('add', element('a', '1'), element('b', '{"c": "x"}'))}\n${withElements('get_weather')}`,
    {
      text: 'Wait.',
      calls: [
        { name: 'add', arguments: '{"a": 1, "b": {"c": "x"}}' },
        { name: 'get_weather', arguments: '{}' },
      ],
    },
  ],
  [
    'qwen3-coder',
    withElements('add', element('a', 'one\n\n"two" <b>'), element('a"', ' ')),
    { text: '', calls: [{ name: 'add', arguments: '{"a": "one\\n\\n\\"two\\" <b>", "a\\"": " "}' }] },
  ],
  [
    'qwen3-coder',
    `x <tool_call>\n<function=> ${marked(b)}`,
    { text: `x <tool_call>\n<function=> ${marked(b)}`, calls: [] },
  ],
  ['qwen3-coder', 'cut: <tool_call>\n<function=add>\n<parameter=a>\nxy', { text: 'cut:', calls: [] }],
  [
    'qwen3-coder',
    `<tool_call><function=add>${element('a', '1')}<parameter=b>`,
    { text: '', calls: [{ name: 'add', arguments: '{"a": 1' }] },
  ],
  [
    'qwen3-coder',
    `<tool_call><function=add>${element('a', '1')}oh`,
    { text: 'oh', calls: [{ name: 'add', arguments: '{"a": 1}' }] },
  ],
  ['hermes', marked(a), { text: '', calls: [a] }],
  ['hermes', `Wait.\n${marked(a)}\n${marked(b)}\n`, { text: 'Wait.', calls: [a, b] }],
  [
    'hermes',
    `<tool_call>{"name":"add","arguments":{}}</tool_call> done`,
    { text: 'done', calls: [{ name: 'add', arguments: '{}' }] },
  ],
  ['hermes', 'a <tool_ca', { text: 'a <tool_ca', calls: [] }],
  ['hermes', 'a <tool_call> b', { text: 'a <tool_call> b', calls: [] }],
  ['hermes', `x <tool_call>{"name": 3} ${marked(b)}`, { text: 'x <tool_call>{"name": 3}', calls: [b] }],
  ['hermes', 'cut: <tool_call>\n{"name": "ad', { text: 'cut:', calls: [] }],
  ['hermes', '<tool_call>\n{"name": "add", "arguments": {"a', { text: '', calls: [{ name: 'add', arguments: '{"a' }] }],
  [
    'mistral',
    `[TOOL_CALLS][{"name": "add", "arguments": ${a.arguments}}, {"name":"get_weather","arguments":{}}]`,
    { text: '', calls: [a, b] },
  ],
  ['mistral', 'no [TOOL_ calls', { text: 'no [TOOL_ calls', calls: [] }],
  [
    'mistral-arguments',
    `[TOOL_CALLS]add[ARGS]${a.arguments}[TOOL_CALLS]get_weather[ARGS]{}`,
    { text: '', calls: [a, b] },
  ],
  ['mistral-ids', `ok[TOOL_CALLS]add[CALL_ID]abc123XYZ[ARGS]${a.arguments}`, { text: 'ok', calls: [a] }],
  ['llama3', `{"name": "add", "parameters": ${a.arguments}}`, { text: '', calls: [a] }],
  [
    'llama3',
    ` <|python_tag|>{"name": "add", "parameters": ${a.arguments}}; {"name":"get_weather","parameters":{}}`,
    { text: '', calls: [a, b] },
  ],
  ['llama3', '{"answer": 42}', { text: '{"answer": 42}', calls: [] }],
  ['llama3', 'It is {"name": "add", "parameters": {}}', { text: 'It is {"name": "add", "parameters": {}}', calls: [] }],
  ['llama3', ' {"na', { text: ' {"na', calls: [] }],
])('%s: %j', ([name, text, result]) => {
  expect(parse(name, [text])).toEqual(result);
  expect(parse(name, [...text])).toEqual(result);
});

// Pieces of calls in any order: nearly right ones are the hard ones.
const fragment = (name: string) => {
  const { open, call, between, close, lead } = format(name);
  const literals = [lead, ...open, ...call, ...between, ...close].filter((part) => typeof part === 'string');
  return fc.oneof(
    fc.constantFrom(...literals),
    fc.constantFrom(
      ' ',
      '\n',
      'add',
      '{}',
      '{"a": "}"}',
      '"',
      'text ',
      '<',
      '[',
      '{"name": "add", "arguments": {"x": 1}}',
      '🙂',
    ),
    fc.constantFrom(
      '<tool_call>\n{"name": "f", "arguments": {"x": [1]}}\n</tool_call>',
      withElements('f', element('x', '[1]'), element('y', 'z')),
      element('x', 'no'),
      '{"name": "f", "parameters": {"y": ""}}',
    ),
  );
};

test.for(toolFormats.map(({ name }) => name))('%s: the result does not depend on where the text is cut', (name) => {
  fc.assert(
    fc.property(
      fc.array(fragment(name), { maxLength: 25 }),
      fc.array(fc.nat({ max: 200 }), { maxLength: 12 }),
      (fragments, cuts) => {
        const text = fragments.join('');
        const places = [0, ...new Set(cuts.filter((cut) => cut < text.length)), text.length].sort((x, y) => x - y);
        const pieces = places.slice(1).map((end, index) => text.slice(places[index], end));
        const whole = parse(name, [text]);
        expect(parse(name, pieces)).toEqual(whole);
        expect(parse(name, [...text])).toEqual(whole);
      },
    ),
    { numRuns: 1500, seed: 1 },
  );
});

test('a parameter means what its tool says of it', () => {
  const properties = {
    text: { type: 'string' },
    choice: { enum: ['1', '2'] },
    count: { type: 'integer' },
    maybe: { type: ['string', 'null'] },
    named: { $ref: '#/$defs/name' },
    any: true,
  };
  const parameters = { type: 'object', properties, $defs: { name: { type: 'string' } } };
  const meanings = parameterMeanings([{ name: 'f', parameters }]);
  const parser = new CallParser(format('qwen3-coder'), meanings);
  const elements = [...Object.keys(properties), 'undeclared'].map((name) => element(name, '1')).join('');
  const found = [
    parser.push(withElements('f', elements, element('maybe', 'null'), element('any', '"quoted"'))),
    parser.end(),
  ];
  const json = found
    .flat()
    .map((piece) => (piece.type === 'arguments' ? piece.text : ''))
    .join('');
  expect(json).toBe(
    '{"text": "1", "choice": "1", "count": 1, "maybe": 1, "named": "1", "any": 1, "undeclared": 1, "maybe": null, "any": "\\"quoted\\""}',
  );
});

test('nothing of a mark is shown before it is clear that it is none', () => {
  const parser = new CallParser(format('hermes'));
  expect(parser.push('hi <tool')).toEqual([{ type: 'text', text: 'hi' }]);
  expect(parser.push('_call>')).toEqual([]);
  expect(parser.push('{"name":"f","arguments":{"a')).toEqual([
    { type: 'call', index: 0, name: 'f' },
    { type: 'arguments', index: 0, text: '{"a' },
  ]);
  expect(parser.push('":1}}</tool_call')).toEqual([{ type: 'arguments', index: 0, text: '":1}' }]);
  expect(parser.push('>')).toEqual([]);
});
