/** Passes `content` on and counts its lines; one that is not ended by a line break counts too. */
export async function* countLines(
  content: AsyncIterable<Uint8Array>,
  lines: { count: number },
): AsyncGenerator<Uint8Array> {
  let open = false;
  for await (const chunk of content) {
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines.count++;
    if (chunk.length > 0) open = chunk[chunk.length - 1] !== 0x0a;
    yield chunk;
  }
  if (open) lines.count++;
}
