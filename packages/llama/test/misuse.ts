/** Uses every class wrongly in ways that native code answers with an abort; each must throw an error of the catalogue. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAtelierError } from '@atelier/errors';
import { Batch, Candidates, Grammar, LlamaContext, LlamaModel, loadNative, Sampler } from '../src/index.ts';
import { writeTinyModel } from '../src/testing/index.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'atelier-llama-misuse-'));
process.on('exit', () => rmSync(directory, { recursive: true }));
const file = path.join(directory, 'tiny.gguf');
await writeTinyModel(file);
loadNative({ gpu: 'off' });

const model = LlamaModel.load(file);
const context = new LlamaContext(model, { nCtx: 32, nBatch: 4, nThreads: 1 });
const sampler = new Sampler(model, [{ kind: 'greedy' }]);
const grammar = Grammar.compile(model, 'root ::= "a"');
const big = new Batch(model.native, 5);
for (let index = 0; index < 5; index++) big.add(index, index, 0, true);
const one = new Batch(model.native, 1);
one.add(1, 0, 0, false);
context.decode(one);

const misuses: (() => unknown)[] = [
  () => context.decode(big),
  () => context.decode(new Batch(model.native, 1)),
  () => sampler.sample(context),
  () => sampler.sample(context, 0),
  () => context.logits(17),
  () => sampler.accept(100_000),
  () => context.memory.copy(0, 9),
  () => model[Symbol.dispose](),
  () => new Sampler(model, []),
  () => new Sampler(model, [{ kind: 'topK', k: 5 }]),
  () => new Sampler(model, [{ kind: 'greedy' }, { kind: 'greedy' }]),
  () => new Sampler(model, [{ kind: 'logitBias', bias: [{ token: 999_999, bias: 1 }] }, { kind: 'greedy' }]),
  () => Grammar.compile(model, 'not a grammar'),
  () => grammar.accept(98, new Candidates(model)),
  () => model.vocab.text(-7),
];
for (const misuse of misuses) {
  let caught: unknown;
  try {
    misuse();
  } catch (error) {
    caught = error;
  }
  if (!isAtelierError(caught)) throw new Error(`${String(misuse)} gave ${String(caught)}`);
}
grammar[Symbol.dispose]();
sampler[Symbol.dispose]();
context[Symbol.dispose]();
model[Symbol.dispose]();
