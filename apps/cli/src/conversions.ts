/** Commands on files of models and adapters; each is one command of the converter's process. */
import { runConversion } from '@atelier/convert';
import { SingleBar } from 'cli-progress';
import { type Command } from 'commander';
import { stopSignal } from './stop-signal.ts';

const type = [
  '--type <type>',
  'F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q4_K_M, ...; by default as the source stores it',
] as const;

const conversions = [
  {
    group: 'models',
    name: 'convert',
    parameters: '<directory> <file>',
    description: 'a Hugging Face folder (safetensors, config, tokenizer) to a GGUF model',
    options: [type],
  },
  {
    group: 'models',
    name: 'merge',
    parameters: '<base> <adapter> <file>',
    description: 'an adapter into its base model, as a GGUF model of its own',
    options: [type],
  },
  {
    group: 'adapters',
    name: 'export',
    parameters: '<adapter> <base> <directory>',
    description: 'a GGUF adapter to a folder that PEFT loads',
    options: [
      ['--base-name <name>', 'where PEFT finds the base model'],
      ['--rslora', 'state the scale as rank-stabilised LoRA does'],
    ],
  },
  {
    group: 'adapters',
    name: 'import',
    parameters: '<directory> <base> <file>',
    description: "PEFT's folder to a GGUF adapter for this base model",
    options: [],
  },
] as const;

export function addConversions(program: Command): void {
  for (const { group, name, parameters, description, options } of conversions) {
    const parent = program.commands.find((command) => command.name() === group) ?? program.command(group);
    const command = parent.command(`${name} ${parameters}`).description(description);
    for (const [flags, text] of options) command.option(flags, text);
    command.action(() => convert(name, command.args, command.opts()));
  }
}

async function convert(name: string, args: readonly string[], options: Record<string, string | true>): Promise<void> {
  const flags = Object.entries(options).flatMap(([key, value]) => {
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [flag] : [`${flag}=${value}`];
  });
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  const bar = new SingleBar({ format: '  {bar} {value}/{total}  {tensor}', hideCursor: true, clearOnComplete: true });
  let started = false;
  const onProgress = ({ tensor, done, total }: { tensor: string; done: number; total: number }): void => {
    if (!started) bar.start(total, done, { tensor });
    else bar.update(done, { tensor });
    started = true;
  };
  try {
    // Names may begin with a hyphen.
    await runConversion([name, ...flags, '--', ...args], { onProgress, signal: stop.signal });
  } finally {
    if (started) bar.stop();
  }
  console.log(args.at(-1));
}
