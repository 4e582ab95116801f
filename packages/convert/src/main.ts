/**
 * Models and adapters from one file format to another, in this process, because native code may end it:
 *
 *   convert DIR OUT [--type T]            a Hugging Face folder to a GGUF model
 *   merge BASE ADAPTER OUT [--type T]     an adapter into its base model
 *   export ADAPTER BASE DIR [--base-name NAME] [--rslora]     an adapter to a PEFT folder
 *   import DIR BASE OUT                   a PEFT folder to an adapter
 *
 * Events go to standard output (events.ts). Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled by SIGINT or
 * SIGTERM. What was at the target stays until the new file is whole.
 */
import { parseArgs } from 'node:util';
import { AtelierError, isAtelierError } from '@atelier/errors';
import { loadNative } from '@atelier/llama';
import { convertModel } from './convert-model.ts';
import type { ConvertEvent } from './events.ts';
import { modelTypeNames, type ModelTypeName } from './gguf/model-types.ts';
import { mergeAdapter } from './merge/merge-adapter.ts';
import { exportAdapter } from './peft/export-adapter.ts';
import { importAdapter } from './peft/import-adapter.ts';
import type { Report } from './progress.ts';

interface Options {
  type: ModelTypeName | undefined;
  baseName: string | undefined;
  rankStabilised: boolean;
  report: Report;
  signal: AbortSignal;
}

/** How many arguments a command takes and what it does with them; the last one is what it writes, but for `export`. */
const commands: Record<string, { arguments: number; run: (args: string[], options: Options) => Promise<void> }> = {
  convert: { arguments: 2, run: ([directory = '', to = ''], options) => convertModel(directory, to, options) },
  merge: {
    arguments: 3,
    run: ([base = '', adapter = '', to = ''], options) => mergeAdapter(base, adapter, to, options),
  },
  export: {
    arguments: 3,
    run: ([adapter = '', base = '', to = ''], options) => exportAdapter(adapter, base, to, options),
  },
  import: {
    arguments: 3,
    run: ([directory = '', base = '', to = ''], options) => importAdapter(directory, base, to, options),
  },
};

function parse(args: string[]) {
  const options = {
    type: { type: 'string' },
    'base-name': { type: 'string' },
    rslora: { type: 'boolean', default: false },
  } as const;
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch {
    // An option that there is not: the usage says which there are.
    return { values: { rslora: false }, positionals: [] };
  }
}

async function main(words: string[]): Promise<number> {
  const { values, positionals }: ReturnType<typeof parse> = parse(words);
  const [name = '', ...args] = positionals;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command || args.length !== command.arguments) {
    process.stderr.write(
      'usage: convert DIR OUT | merge BASE ADAPTER OUT | export ADAPTER BASE DIR | import DIR BASE OUT\n',
    );
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  leaveWithParent(stop);
  // No kernel here gains from a GPU, and loading its libraries takes seconds.
  loadNative({ gpu: 'off' });
  try {
    await command.run(args, {
      type: checkType(values.type),
      baseName: values['base-name'],
      rankStabilised: values.rslora,
      report: (progress) => say({ type: 'progress', ...progress }),
      signal: stop.signal,
    });
    say({ type: 'done', file: args.at(-1) ?? '' });
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 130;
    const known = knownError(error);
    if (known.code === 'internal') process.stderr.write(`${(error as Error).stack}\n`);
    say({ type: 'error', code: known.code, details: known.details, message: known.message });
    return 1;
  }
}

/** Files that are not there or may not be written are the caller's to put right. */
function knownError(error: unknown): AtelierError {
  if (isAtelierError(error)) return error;
  const { code, errno, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return new AtelierError('storage_full', {}, error);
  return errno === undefined
    ? new AtelierError('internal', {}, error)
    : new AtelierError('invalid_request', { reason: message }, error);
}

function checkType(type: string | undefined): ModelTypeName | undefined {
  if (type === undefined) return undefined;
  const known = modelTypeNames.find((name) => name === type.toUpperCase());
  if (known) return known;
  throw new AtelierError('invalid_request', { reason: `Type ${type} is unknown; known: ${modelTypeNames.join(', ')}` });
}

function say(event: ConvertEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** A parent that holds our standard input open takes us along when it is killed. */
function leaveWithParent(stop: AbortController): void {
  if (process.env['ATELIER_PARENT_PIPE'] !== '1') return;
  process.stdin.on('end', () => stop.abort());
  process.stdin.on('error', () => stop.abort());
  process.stdin.resume();
  process.stdin.unref();
}

process.exitCode = await main(process.argv.slice(2));
