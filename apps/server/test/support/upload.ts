/** A multipart form with a file, as clients send it. */
export function uploadForm(
  content: string | Blob,
  fileName: string,
  fields: Record<string, string> = {},
): { payload: Promise<Buffer>; headers: Record<string, string> } {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set('file', typeof content === 'string' ? new Blob([content]) : content, fileName);
  const response = new Response(form);
  return {
    payload: response.arrayBuffer().then((bytes) => Buffer.from(bytes)),
    headers: { 'content-type': response.headers.get('content-type')! },
  };
}
