import { createConfig, readEnvironment, startServer } from '@atelier/server';
import { stopSignal } from './stop-signal.ts';

/** Runs the server until a signal asks it to stop. */
export async function serve(): Promise<void> {
  const stop = stopSignal();
  await using server = await startServer(createConfig(readEnvironment()));
  console.log(`Atelier listens on ${server.url}`);
  if (server.adminKeyCreated) console.log(`Administrator's API key, shown this once: ${server.adminKey}`);
  await stop;
}
