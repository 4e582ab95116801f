import { expect, test } from 'vitest';
import { callId } from '../../src/tools/call-id.ts';
import { toolFormatOf } from '../../src/tools/tool-format.ts';

test.for([
  [`{{- "[TOOL_CALLS]" + tool['function']['name'] + "[ARGS]" + arguments }}`, 'mistral-arguments'],
  [`{{- '[TOOL_CALLS]' + name }}{{- '[CALL_ID]' + tool_call.id }}{{- '[ARGS]' + arguments }}`, 'mistral-ids'],
  [`{{- "[TOOL_CALLS][" }}`, 'mistral'],
  [`{{- '<|start_header_id|>' }}{{- '"parameters": ' }}`, 'llama3'],
  [`{{- '<|im_start|>' }}<tool_call>{"name": <function-name>, "arguments": <args>}</tool_call>`, 'hermes'],
  [`{{- '<|start_header_id|>' + message.role }}<tool_call>`, 'hermes'],
  ['{{ message.content }}', 'hermes'],
])('a template %s is of the family %s', ([template, name]) => {
  expect(toolFormatOf(template!).name).toBe(name);
});

test('ids of calls have nine letters and digits, and follow from the seed', () => {
  expect(callId(undefined, 0, 0)).toMatch(/^[a-zA-Z0-9]{9}$/);
  expect(callId(undefined, 0, 0)).not.toBe(callId(undefined, 0, 0));
  expect(callId(7, 0, 1)).toMatch(/^[a-zA-Z0-9]{9}$/);
  expect(callId(7, 0, 1)).toBe(callId(7, 0, 1));
  expect(new Set([callId(7, 0, 0), callId(7, 0, 1), callId(7, 1, 0), callId(8, 0, 0)]).size).toBe(4);
});
