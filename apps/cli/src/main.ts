/** The `atelier` command. */
import { isAtelierError } from '@atelier/errors';
import { Command } from 'commander';
import { addConversions } from './conversions.ts';
import { addPull } from './pull.ts';
import { quickstart } from './quickstart/quickstart.ts';
import { serve } from './serve.ts';
import { addTunerCommands } from './tuner-commands.ts';

const program = new Command('atelier').description('Fine-tune, deploy and serve language models on your own machine.');

program
  .command('serve')
  .description('run the server; settings come from the environment, see docs/reference/settings.md')
  .action(serve);

program
  .command('quickstart')
  .description('fine-tune, deploy and query the starter model on a throw-away server, and show what changed')
  .option('--once', 'stop the server when done instead of leaving it running')
  .action((options: { once?: boolean }) => quickstart({ once: options.once ?? false }));

addConversions(program);
addPull(program);
addTunerCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${isAtelierError(error) ? `${error.message} (${error.code})` : (error as Error).stack}\n`);
  process.exitCode = 1;
}
