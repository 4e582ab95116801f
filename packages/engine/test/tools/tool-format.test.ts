import { readFile } from 'node:fs/promises';
import { createTemplateRenderer } from '@atelier/data';
import { bundledFile } from '@atelier/llama/testing';
import { expect, test } from 'vitest';
import { callId } from '../../src/tools/call-id.ts';
import { CallParser } from '../../src/tools/call-parser.ts';
import { parameterMeanings } from '../../src/tools/parameter-values.ts';
import { toolFormatOf } from '../../src/tools/tool-format.ts';

test.for([
  [`{{- "[TOOL_CALLS]" + tool['function']['name'] + "[ARGS]" + arguments }}`, 'mistral-arguments'],
  [`{{- '[TOOL_CALLS]' + name }}{{- '[CALL_ID]' + tool_call.id }}{{- '[ARGS]' + arguments }}`, 'mistral-ids'],
  [`{{- "[TOOL_CALLS][" }}`, 'mistral'],
  [`{{- '<|start_header_id|>' }}{{- '"parameters": ' }}`, 'llama3'],
  [`{{- '<|im_start|>' }}<tool_call>{"name": <function-name>, "arguments": <args>}</tool_call>`, 'hermes'],
  [`{{- '<|start_header_id|>' + message.role }}<tool_call>`, 'hermes'],
  [`{{- '<tool_call>\n<function=' + name + '>\n' }}{{- '<parameter=' + key + '>\n' }}`, 'qwen3-coder'],
  ['{{ message.content }}', 'hermes'],
])('a template %s is of the family %s', ([template, name]) => {
  expect(toolFormatOf(template!).name).toBe(name);
});

test('the call that a published template shows is read back', { timeout: 60_000 }, async () => {
  const template = await readFile(await bundledFile('models/templates/Qwen3-Coder.jinja'), 'utf8');
  await using renderer = createTemplateRenderer();
  const given = '{"path":"a.ts","text":"if (a < b) {\\n  return \\"x\\";\\n}\\n","line":3,"tags":["new"]}';
  const call = { id: 'abcdefghi', type: 'function' as const, function: { name: 'write', arguments: given } };
  const text = await renderer.render({
    template,
    bosToken: '',
    eosToken: '',
    specialTokens: [],
    messages: [
      { role: 'user', content: 'Go on.' },
      { role: 'assistant', content: '', tool_calls: [call] },
    ],
    addGenerationPrompt: false,
  });
  const format = toolFormatOf(template);
  const properties = { path: { type: 'string' }, text: { type: 'string' }, line: { type: 'integer' }, tags: {} };
  const tools = [{ name: 'write', parameters: { type: 'object', properties } }];
  const parser = new CallParser(format, parameterMeanings(tools));
  const pieces = [...parser.push(text.slice(text.lastIndexOf('<tool_call>'))), ...parser.end()];
  const read = pieces.map((piece) => (piece.type === 'arguments' ? piece.text : '')).join('');
  expect([format.name, parser.calls]).toEqual(['qwen3-coder', 1]);
  expect(JSON.parse(read)).toEqual(JSON.parse(given));
});

test('ids of calls have nine letters and digits, and follow from the seed', () => {
  expect(callId(undefined, 0, 0)).toMatch(/^[a-zA-Z0-9]{9}$/);
  expect(callId(undefined, 0, 0)).not.toBe(callId(undefined, 0, 0));
  expect(callId(7, 0, 1)).toMatch(/^[a-zA-Z0-9]{9}$/);
  expect(callId(7, 0, 1)).toBe(callId(7, 0, 1));
  expect(new Set([callId(7, 0, 0), callId(7, 0, 1), callId(7, 1, 0), callId(8, 0, 0)]).size).toBe(4);
});
