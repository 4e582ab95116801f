/** Runs the trainer of support/trainer.ts in DIRECTORY until it, or this process, ends. */
import path from 'node:path';
import { createLocalLauncher } from '../../src/compute/local-launcher.ts';
import { createLoggers } from '../../src/logger.ts';

const launcher = createLocalLauncher({
  command: [process.execPath, path.join(import.meta.dirname, 'trainer.ts')],
  environment: {},
  graceMs: 5000,
  logger: createLoggers('silent').compute,
});
await using run = await launcher.launch(process.env['DIRECTORY']!, new AbortController().signal);
for await (const event of run.events) process.stdout.write(`${JSON.stringify(event)}\n`);
process.stdout.write(`${JSON.stringify(await run.ended)}\n`);
