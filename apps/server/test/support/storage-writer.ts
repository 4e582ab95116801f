/**
 * Opens the storage in ATELIER_DATA and stores, one after the other: a blob, then the row that names it, then says so. The
 * test kills it whenever it likes; what it has said must be there afterwards.
 */
import { randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import { createConfig } from '../../src/config/config.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { createEvents } from '../../src/events.ts';
import { createLoggers } from '../../src/logger.ts';
import { openStorage } from '../../src/storage/open-storage.ts';

const loggers = createLoggers('silent');
const storage = await openStorage(
  createConfig(readEnvironment()),
  loggers,
  createEvents(loggers.events, new Registry()),
);
const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
say({ ready: true });
for (;;) {
  const content = randomBytes(200 + Math.floor(Math.random() * 200_000));
  const { sha256 } = await storage.blobs.put(
    (async function* () {
      for (let start = 0; start < content.length; start += 16_384) yield content.subarray(start, start + 16_384);
    })(),
  );
  const id = `m-${sha256.slice(0, 20)}`;
  await storage.database
    .insertInto('models')
    .values({
      id,
      name: sha256,
      family: 'llama',
      kind: 'base',
      blob: sha256,
      context_length: 1,
      parameters: content.length,
      chat: false,
    })
    .execute();
  say({ id, sha256 });
}
