/** The least that a server can do: Node's own, which reads a request's JSON and answers as much JSON as Atelier does. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const [answer = '{}'] = process.argv.slice(2);
const value: unknown = JSON.parse(answer);

const server = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  request.on('end', () => {
    JSON.parse(text);
    const body = JSON.stringify(value);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
