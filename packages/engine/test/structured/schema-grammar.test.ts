import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Matcher } from '../../src/gbnf/match.ts';
import { parseGrammar } from '../../src/gbnf/parse-grammar.ts';
import { formatGrammar } from '../../src/structured/response-format.ts';
import { randomText } from './random-text.ts';
import { schemas } from './schema-arbitrary.ts';
import { isValid } from './valid.ts';

const grammarOf = (schema: unknown) => formatGrammar({ type: 'json_schema', schema })!;
const refusal = (schema: unknown): { code?: string; message?: string } => {
  try {
    grammarOf(schema);
  } catch (error) {
    return error as { code: string; message: string };
  }
  return {};
};

/** Why random schemas may be refused: some contradict themselves. */
const contradictions = [
  /no finite text/,
  /could be valid for two/,
  /cannot be enforced together/,
  /for optional properties/,
];

test('every text of a schema’s grammar, random ones, is JSON and valid', () => {
  let made = 0;
  fc.assert(
    fc.property(schemas, fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (schema, stream) => {
      const { message } = refusal(schema);
      if (message !== undefined) {
        expect(
          contradictions.some((reason) => reason.test(message)),
          message,
        ).toBe(true);
        return;
      }
      const grammar = parseGrammar(grammarOf(schema));
      for (let i = 0; i < 4; i++) {
        const text = randomText(grammar, () => stream.next().value);
        expect(isValid(schema, text), `${text} for ${JSON.stringify(schema)}`).toBe(true);
        made++;
      }
    }),
    { numRuns: 300, seed: 1 },
  );
  expect(made).toBeGreaterThan(800);
});

test.for<[schema: unknown, path: string, reason: string]>([
  [{ not: { type: 'null' } }, '#/not', 'what is not allowed'],
  [{ properties: { a: { properties: { b: { multipleOf: 3 } } } } }, '#/properties/a/properties/b/multipleOf', 'only 1'],
  [{ type: 'array', uniqueItems: true }, '#/uniqueItems', 'compared'],
  [{ type: 'array', contains: {} }, '#/contains', 'only some items'],
  [{ if: {} }, '#/if', 'conditions'],
  [{ dependentRequired: { a: ['b'] } }, '#/dependentRequired', 'depend on others'],
  [{ type: 'string', maxLenght: 3 }, '#/maxLenght', 'not known'],
  [{ type: 'string', format: 'regex' }, '#/format', 'formats that can be enforced'],
  [{ type: 'string', pattern: '(?=a)' }, '#/pattern', 'looks ahead'],
  [{ type: 'string', pattern: '^a+$', maxLength: 5 }, '#/pattern', 'minLength or maxLength'],
  [{ type: 'string', minLength: 1e9 }, '#/minLength', 'up to 1048576'],
  [{ type: 'nothing' }, '#/type', 'one or more of'],
  [{ minLength: 'x' }, '#/minLength', 'a whole number'],
  [{ $ref: 'https://example.com/schema' }, '#/$ref', 'within the schema'],
  [{ $ref: '#/$defs/none' }, '#/$ref', 'points to nothing'],
  [{ $ref: '#' }, '#', 'refers to itself'],
  [
    { $defs: { a: { $ref: '#/$defs/b' }, b: { allOf: [{ $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' },
    '#/$defs/a',
    'itself',
  ],
  [{ anyOf: [{ type: 'null' }, { $ref: '#' }] }, '#', 'refers to itself'],
  [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, '#/oneOf', 'valid for two'],
  [{ patternProperties: { '^a': {}, '^b': {} } }, '#/patternProperties', 'only one pattern'],
  [{ properties: { a: {} }, propertyNames: { pattern: 'a' } }, '#/propertyNames', 'together with properties'],
  [{ properties: { a: 5 } }, '#/properties/a', 'an object, true or false'],
  [{ type: 'object', properties: { a: {}, b: {} }, minProperties: 2 }, '#/minProperties', 'optional'],
])('%j is refused at the keyword', ([schema, path, reason]) => {
  expect(refusal(schema)).toMatchObject({ code: 'unsupported_schema', details: { path: `schema${path}` } });
  expect(refusal(schema).message).toContain(reason);
});

test.for<[schema: unknown, reason: string]>([
  [false, 'no finite text'],
  [{ type: 'string', enum: [1] }, 'no finite text'],
  [{ type: 'integer', minimum: 5, maximum: 4 }, 'no finite text'],
  [{ type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] }, 'no finite text'],
  [{ allOf: [{ additionalProperties: false }, { properties: { a: {} }, required: ['a'] }] }, 'no finite text'],
  [{ enum: ['x'.repeat(300_000)] }, 'bytes'],
  ['schema', 'an object, true or false'],
])('%j has no value', ([schema, reason]) => {
  expect(refusal(schema)).toMatchObject({ code: 'unsupported_schema' });
  expect(refusal(schema).message).toContain(reason);
});

test('a schema nested deeper than 64 levels is refused, and so are combinations that multiply', () => {
  let deep: unknown = { type: 'null' };
  for (let i = 0; i < 70; i++) deep = { type: 'array', items: deep };
  expect(refusal(deep).message).toContain('nested deeper');
  const any = { anyOf: Array.from({ length: 20 }, (_, index) => ({ const: index })) };
  expect(refusal({ allOf: [any, any, any] }).message).toContain('more than 256 alternatives');
});

const accepts = (schema: unknown, text: string): boolean => {
  const matcher = new Matcher(parseGrammar(grammarOf(schema)));
  matcher.push(text);
  return matcher.complete;
};

test('properties come in their order, optional ones can be left out, and others only where they are allowed', () => {
  const schema = { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'null' } }, required: ['b'] };
  expect(accepts(schema, '{"a":1,"b":null}')).toBe(true);
  expect(accepts(schema, '{"b":null}')).toBe(true);
  expect(accepts(schema, '{ "a": 1, "b": null }')).toBe(true);
  expect(accepts(schema, '{\n  "a": 1,\n  "b": null\n}')).toBe(true);
  expect(accepts(schema, '{"a":1}')).toBe(false);
  expect(accepts(schema, '{"b":null,"c":1}')).toBe(false);
  const open = { ...schema, additionalProperties: { type: 'boolean' } };
  expect(accepts(open, '{"b":null,"c":true}')).toBe(true);
  expect(accepts(open, '{"b":null,"a":true}')).toBe(false);
  expect(accepts(open, '{"b":null,"ab":true,"":false}')).toBe(true);
  expect(accepts({ type: 'object' }, '{"any":[1,{"x":null}]}')).toBe(true);
  expect(accepts({ type: 'object', additionalProperties: false }, '{}')).toBe(true);
  expect(accepts({ type: 'object', propertyNames: { type: 'string', maxLength: 1 } }, '{"a":1}')).toBe(true);
  expect(accepts({ type: 'object', propertyNames: { type: 'string', maxLength: 1 } }, '{"ab":1}')).toBe(false);
  expect(
    accepts(
      { type: 'object', patternProperties: { '^x\\d$': { type: 'null' } }, additionalProperties: false },
      '{"x1":null}',
    ),
  ).toBe(true);
});

test('white space is bounded', () => {
  expect(accepts({ type: 'array', items: { type: 'null' } }, `[\n${' '.repeat(16)}null]`)).toBe(true);
  expect(accepts({ type: 'array', items: { type: 'null' } }, `[\n${' '.repeat(17)}null]`)).toBe(false);
  expect(accepts({ type: 'null' }, ' null')).toBe(false);
});

test('unions tell objects apart by a constant, by types, or by what they require', () => {
  const kind = (value: string, more: object) => ({
    type: 'object',
    properties: { kind: { const: value }, ...more },
    required: ['kind', ...Object.keys(more)],
  });
  const tagged = { oneOf: [kind('circle', { r: { type: 'number' } }), kind('square', { side: { type: 'number' } })] };
  expect(accepts(tagged, '{"kind":"square","side":2}')).toBe(true);
  expect(accepts(tagged, '{"kind":"square","r":2}')).toBe(false);
  const closed = (name: string) => ({
    type: 'object',
    properties: { [name]: {} },
    required: [name],
    additionalProperties: false,
  });
  expect(accepts({ oneOf: [closed('a'), closed('b'), { type: 'string' }] }, '{"b":1}')).toBe(true);
  expect(refusal({ oneOf: [{ type: 'object', properties: { a: {} } }, closed('b')] }).message).toContain(
    'valid for two',
  );
});

test('a flat type is an object of all its fields in their order', () => {
  const gbnf = formatGrammar({
    type: 'flat',
    fields: { z: 'str', age: 'int', ok: 'bool', grade: ['A', 'B'], n: 'float', one: [1, 2] },
  })!;
  const matcher = new Matcher(parseGrammar(gbnf));
  matcher.push('{"z": "x", "age": 3, "ok": true, "grade": "B", "n": 1.5, "one": 2}');
  expect(matcher.complete).toBe(true);
  const other = new Matcher(parseGrammar(gbnf));
  other.push('{"age": 3');
  expect(other.viable).toBe(false);
});

test('schemas made to take for ever are read, or refused, at once', () => {
  const many = (from: number) => ({ enum: Array.from({ length: 15_000 }, (_, index) => index + from) });
  expect(refusal({ allOf: [many(0), many(14_990)] })).toEqual({});
  const doubling = Array.from({ length: 60 }, (_, index): [string, unknown] => {
    const next = { $ref: `#/$defs/d${index + 1}` };
    return [`d${index}`, { allOf: [next, next] }];
  });
  expect(refusal({ $defs: { ...Object.fromEntries(doubling), d60: { type: 'null' } }, $ref: '#/$defs/d0' })).toEqual(
    {},
  );
  const slow = { type: 'string', pattern: '^(a?){1000}(a{0,50}){0,50}b$', enum: ['a'.repeat(50_000)] };
  expect(refusal(slow).message).toContain('takes too long');
}, 30_000);
