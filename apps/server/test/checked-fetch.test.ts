/** What holds answers to their description does notice what is not as described. */
import { expect, it } from 'vitest';
import { checkedFetch } from './support/checked-fetch.ts';

const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false };
const responses = {
  200: {
    content: {
      'application/json': { schema },
      'text/event-stream': { schema: { type: 'object', properties: { data: schema }, required: ['data'] } },
    },
  },
  500: { content: { 'application/json': { schema: { type: 'object', required: ['message'] } } } },
};
const description = { paths: { '/mistral/v1/numbers/{id}': { get: { responses } } } };

const asked = async (body: string, type = 'application/json', status = 200, path = '/v1/numbers/one') => {
  const answer = async () => new Response(body, { status, headers: { 'content-type': type } });
  const fetch = checkedFetch(description, () => 'http://here', answer as typeof globalThis.fetch);
  return (await fetch(`http://here${path}`)).text();
};

it.each<[string, Parameters<typeof asked>]>([
  ['a body', ['{"n":1}']],
  ['events', ['data: {"n":1}\n\ndata: {"n":2}\n\ndata: [DONE]\n\n', 'text/event-stream']],
  ['an event that says what went wrong', ['data: {"object":"error","message":"x"}\n\n', 'text/event-stream']],
  ['bytes', ['x', 'application/octet-stream']],
  ['what is not described', ['x', 'text/plain', 200, '/v1/letters']],
])('%s may pass', async (_, given) => {
  expect(await asked(...given)).toBe(given[0]);
});

it.each<[string, Parameters<typeof asked>]>([
  ['a field of another type', ['{"n":"1"}']],
  ['a field too many', ['{"n":1,"m":1}']],
  ['another type of content', ['x', 'text/plain']],
  ['a status that is not described', ['{"n":1}', 'application/json', 404]],
  ['a wrong event after a right one', ['data: {"n":1}\n\ndata: {"m":1}\n\n', 'text/event-stream']],
  ['half an event', ['data: {"n":1}\n\ndata: {', 'text/event-stream']],
])('%s does not', async (_, given) => {
  await expect(asked(...given)).rejects.toThrow();
});
