/**
 * A process that sends requests at a constant rate, whatever becomes of them, and prints how long each took from the time
 * at which it was due: a server that falls behind does not get its load lowered. `load.ts JSON`, see `Load`.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Load = {
  port: number;
  /** The whole of one request, as it goes over the wire. */
  request: string;
  /** Requests a second. */
  rate: number;
  seconds: number;
};

/**
 * Milliseconds of each request from when it was due, ascending, and how late the generator itself was with it; how many
 * were refused because too many were waiting.
 */
export type Measured = { took: number[]; late: number[]; refused: number };

/** Connections open from the beginning; where all are busy, there will be one more. */
const connections = 16;

const { port, request, rate, seconds } = JSON.parse(process.argv[2]!) as Load;
const bytes = Buffer.from(request);
const idle: Connection[] = [];

class Connection {
  readonly #socket: Socket;
  #text = '';
  #answered: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true).setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#read(chunk));
    socket.on('error', fail).on('end', () => fail(new Error('the server closed a connection')));
  }

  send(answered: () => void): void {
    this.#answered = answered;
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.removeAllListeners().destroy();
  }

  #read(chunk: string): void {
    this.#text += chunk;
    const head = this.#text.indexOf('\r\n\r\n');
    if (head < 0) return;
    if (this.#text.startsWith('HTTP/1.1 429 ')) measured.refused++;
    else if (!this.#text.startsWith('HTTP/1.1 200 ')) fail(new Error(this.#text));
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(this.#text)?.[1];
    if (this.#text.length < head + 4 + Number(length)) return;
    this.#text = '';
    idle.push(this);
    this.#answered!();
  }
}

async function open(): Promise<Connection> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return new Connection(socket);
}

function fail(error: Error): never {
  console.error(error.message);
  process.exit(1);
}

const measured: Measured = { took: [], late: [], refused: 0 };
idle.push(...(await Promise.all(Array.from({ length: connections }, open))));
const { promise, resolve } = Promise.withResolvers<void>();
const total = rate * seconds;
const start = performance.now() + 10;
for (let sent = 0; sent < total;) {
  for (; sent < total && start + (sent * 1000) / rate <= performance.now(); sent++) {
    const due = start + (sent * 1000) / rate;
    measured.late.push(performance.now() - due);
    const connection = idle.pop() ?? (await open());
    connection.send(() => {
      measured.took.push(performance.now() - due);
      if (measured.took.length === total) resolve();
    });
  }
  await sleep(1);
}
await promise;
for (const connection of idle) connection.close();
for (const values of [measured.took, measured.late]) values.sort((a, b) => a - b);
console.log(JSON.stringify(measured));
