/** Holds every answer of a server to what its description says of it: statuses, bodies, the events of streams, and nothing besides. */
import addFormats from 'ajv-formats';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

type Content = Record<string, { schema: object }>;
type Described = { paths: Record<string, Record<string, { responses: Record<string, { content?: Content }> }>> };

/** A `fetch` that rejects, or whose body does, where an answer of `origin()` is not as `description` says. Other answers pass. */
export function checkedFetch(description: Described, origin: () => string, fetch = globalThis.fetch): typeof fetch {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validators = new Map<object, ValidateFunction>();
  const paths = Object.entries(description.paths).map(([path, operations]) => {
    const pattern = path.replace('/mistral', '').replaceAll(/\{[^}]+\}/g, '[^/]+');
    return { pattern: new RegExp(`^(/mistral)?${pattern}$`), fixed: !path.includes('{'), operations };
  });
  // `/v1/agents/completions` is not the agent of that id.
  paths.sort((a, b) => Number(b.fixed) - Number(a.fixed));

  function check(what: string, schema: object, value: unknown): void {
    const validate = validators.get(schema) ?? ajv.compile(schema);
    validators.set(schema, validate);
    if (validate(value)) return;
    throw new Error(`${what} is not as described: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`);
  }

  return async (input, init) => {
    const response = await fetch(input, init);
    const { method = 'GET', headers = {} } = init ?? {};
    const request = input instanceof Request ? input : new Request(input, { method, headers });
    const { pathname } = new URL(request.url);
    // With that header a path may be another API's.
    if (!request.url.startsWith(origin()) || request.headers.has('x-api-key')) return response;
    const operations = paths.find(({ pattern }) => pattern.test(pathname))?.operations;
    const operation = operations?.[request.method.toLowerCase()];
    if (!operation) return response;
    const what = `${request.method} ${pathname}: ${response.status}`;
    const described = operation.responses[response.status];
    const [type = ''] = (response.headers.get('content-type') ?? '').split(';');
    if (response.ok && type === 'application/octet-stream') return response;
    const schema = described?.content?.[type]?.schema;
    if (!schema) throw new Error(`${what} ${type} is not described: ${await response.text()}`);
    if (type !== 'text/event-stream') {
      check(what, schema, await response.clone().json());
      return response;
    }
    const error = operation.responses['500']!.content!['application/json']!.schema;
    const checking = checkedEvents((event) => {
      const failed = (event as { data: { object?: string } }).data.object === 'error';
      check(`an event of ${what}`, failed ? error : schema, failed ? (event as { data: unknown }).data : event);
    });
    return new Response(response.body!.pipeThrough(checking), response);
  };
}

/** Passes bytes on, and gives `check` each event in them; `[DONE]` is none. */
function checkedEvents(check: (event: object) => void): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  let text = '';
  return new TransformStream({
    transform(bytes, controller) {
      text += decoder.decode(bytes, { stream: true });
      const frames = text.split('\n\n');
      text = frames.pop()!;
      for (const frame of frames) {
        const fields = Object.fromEntries(frame.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
        if (fields.data !== '[DONE]') check({ ...fields, data: JSON.parse(fields.data) });
      }
      controller.enqueue(bytes);
    },
    flush() {
      if (text !== '') throw new Error(`the stream ends within an event: ${text}`);
    },
  });
}
