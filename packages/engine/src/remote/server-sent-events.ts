/** One event may hold a whole text with the alternatives of each token; more than this is no such thing. */
const maxEventLength = 4 << 20;

/**
 * The `data` of each event of a stream, until it ends. Comments and other fields are left out, but for `error`, which
 * llama-server writes in the place of `data`.
 * @throws Error when an event has no end
 */
export async function* serverSentData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    if (rest.length > maxEventLength) throw new RangeError('an event is too long');
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        data = [];
        continue;
      }
      const [, value] = /^(?:data|error): ?(.*)$/s.exec(line) ?? [];
      if (value !== undefined) data.push(value);
    }
  }
  if (data.length > 0) yield data.join('\n');
}
