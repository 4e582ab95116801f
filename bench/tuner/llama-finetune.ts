import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Full fine-tuning by llama.cpp's own example, tokens a second, or undefined where it is not built. */
export async function finetuneSpeed(modelFile: string, threads: number): Promise<number | undefined> {
  const program =
    process.env['LLAMA_FINETUNE'] ??
    (process.env['PATH'] ?? '')
      .split(path.delimiter)
      .map((folder) => path.join(folder, 'llama-finetune'))
      .find(existsSync);
  if (!program || !existsSync(program)) return undefined;
  const context = 256;
  const text = path.join(path.dirname(modelFile), 'text.txt');
  // Byte-level vocabulary of the random model: about a token a letter.
  await writeFile(text, Array.from({ length: 8192 }, (_, i) => String.fromCharCode(97 + ((i * 17) % 26))).join(''));
  const args = [
    '--file',
    text,
    '--model',
    modelFile,
    '-c',
    `${context}`,
    '-b',
    `${context}`,
    '-ub',
    `${context}`,
    '-t',
    `${threads}`,
    '-epochs',
    '1',
    '--val-split',
    '0.05',
    '-o',
    path.join(path.dirname(modelFile), 'out.gguf'),
  ];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'exit');
  // "train: [...] data=000030/000030 loss=... t=00:00:12 ETA=..."
  const last = [...output.matchAll(/train:.*?data=0*(\d+)\/0*(\d+).*?t=(\d+):(\d+):(\d+)/g)].at(-1);
  if (!last) return undefined;
  const [, done, , hours, minutes, seconds] = last.map(Number) as [number, number, number, number, number, number];
  return (done * context) / (hours * 3600 + minutes * 60 + seconds);
}
