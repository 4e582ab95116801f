import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GrammarMaker } from '../../src/grammar-maker.ts';

const schemaOf = (count: number): object => {
  const names = Array.from({ length: count }, (_, index) => `property ${index}`);
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  return { type: 'object', properties, required: names, additionalProperties: false };
};
const form = (schema: unknown) => ({
  kind: 'format' as const,
  responseFormat: { type: 'json_schema' as const, schema },
});

test('a schema of thousands of properties holds nobody up while its grammar is made', async () => {
  await using maker = new GrammarMaker();
  let made = false;
  const making = maker.make(form(schemaOf(2500))).then((grammar) => {
    made = true;
    return grammar;
  });
  let turns = 0;
  while (!made) {
    await turn();
    turns++;
  }
  expect((await making)!.gbnf).toContain('property 2499');
  // On this thread it would have been made within one.
  expect(turns).toBeGreaterThan(10);
}, 60_000);

test('what is wrong is told as it is, and the next is made all the same', async () => {
  await using maker = new GrammarMaker();
  const wrong = maker.make(form({ type: 'object', properties: { a: { not: {} } } }));
  const right = maker.make(form({ const: 1 }));
  await expect(wrong).rejects.toMatchObject({
    code: 'unsupported_schema',
    details: { path: 'schema#/properties/a/not' },
  });
  expect((await right)!.gbnf).toContain('1');
  expect(await maker.make({ kind: 'format', responseFormat: { type: 'text' } })).toBeUndefined();
}, 60_000);

test('one that is disposed ends what it was making', async () => {
  const maker = new GrammarMaker();
  const making = maker.make(form(schemaOf(2500)));
  const later = maker.make(form({ const: 1 }));
  await turn();
  await maker[Symbol.asyncDispose]();
  for (const each of [making, later]) await expect(each).rejects.toMatchObject({ code: 'shutting_down' });
}, 60_000);
