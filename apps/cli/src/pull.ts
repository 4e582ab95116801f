/** `atelier models pull`: a model from the hub, or from this machine, to where the server finds it. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { pullModel, type PullProgress } from '@atelier/hub';
import { childEnvironment, createConfig, readEnvironment } from '@atelier/server';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { stopSignal } from './stop-signal.ts';

type Options = { directory?: string; name?: string; type?: string; tokenFile?: string };

export function addPull(program: Command): void {
  const models = program.commands.find((command) => command.name() === 'models') ?? program.command('models');
  models
    .command('pull <model>')
    .description('a model of the Hugging Face hub (org/name, org/name@revision, org/name:Q4_K_M), or a folder or file')
    .option('--directory <directory>', 'where it goes; by default the models of the data directory')
    .option('--name <name>', 'what it is called; by default as its file or repository')
    .option('--type <type>', 'how a converted model is stored; by default as its source')
    .option(
      '--token-file <file>',
      'a file with the token of the hub; by default HF_TOKEN, or the file that its own tools use',
    )
    .action(pull);
}

async function pull(model: string, { directory, name, type, tokenFile }: Options): Promise<void> {
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  const progress = progressBar();
  try {
    const file = await pullModel(model, {
      directory: directory ?? path.join(createConfig(readEnvironment()).directories.data, 'models'),
      endpoint: process.env['HF_ENDPOINT'] || 'https://huggingface.co',
      token: await readToken(tokenFile),
      name,
      type,
      environment: childEnvironment(),
      onProgress: progress.show,
      signal: stop.signal,
    });
    progress.stop();
    console.log(file);
  } finally {
    progress.stop();
  }
}

/** @throws AtelierError `invalid_request` when the file that was named cannot be read */
async function readToken(file: string | undefined): Promise<string | undefined> {
  if (file !== undefined) {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new AtelierError('invalid_request', { reason: `the token file cannot be read (${error.code})` });
    });
    return text.trim() || undefined;
  }
  const {
    HF_TOKEN: token,
    HF_TOKEN_PATH: own,
    HF_HOME: home = path.join(homedir(), '.cache', 'huggingface'),
  } = process.env;
  if (token) return token;
  return (await readFile(own ?? path.join(home, 'token'), 'utf8').catch(() => '')).trim() || undefined;
}

function progressBar() {
  const bar = new SingleBar({ format: '  {bar} {percentage}%  {doing} {at}', hideCursor: true, clearOnComplete: true });
  let doing: PullProgress['doing'] | undefined;
  return {
    show({ done, total, ...what }: PullProgress): void {
      if (doing !== what.doing) bar.start(total, done, what);
      else bar.update(done, what);
      ({ doing } = what);
    },
    stop: () => bar.stop(),
  };
}
