/** One line of standard input is a load, one of standard output what became of it. */
import { createInterface } from 'node:readline';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import { sampling, type Load, type Settings } from './contender.ts';
import type { Timing } from './stream-client.ts';

const { modelFile, threads, concurrent, contextTokens } = JSON.parse(process.argv[2]!) as Settings;
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: threads });
const model = await llama.loadModel({ modelPath: modelFile });
const context = await model.createContext({
  sequences: concurrent,
  contextSize: contextTokens,
  batchSize: 512,
  threads: { ideal: threads, min: threads },
});
const sequences = Array.from({ length: concurrent }, () => context.getSequence());
console.log('ready');

for await (const line of createInterface({ input: process.stdin })) {
  const { prompts, maxTokens } = JSON.parse(line) as Load;
  const timings = await Promise.all(
    prompts.map(async (prompt, index): Promise<Timing> => {
      const sequence = sequences[index]!;
      const start = performance.now();
      const timing: Timing = { tokens: 0, first: NaN, last: NaN };
      const tokens = model.tokenize(prompt);
      // What the prompt has in common with what the sequence holds is kept, as its own chat sessions do.
      await sequence.adaptStateToTokens(tokens);
      const options = { temperature: sampling.temperature, topK: 0, topP: 1 };
      for await (const _ of sequence.evaluate(tokens.slice(sequence.nextTokenIndex), options)) {
        timing.tokens++;
        timing.last = performance.now() - start;
        if (timing.tokens === 1) timing.first = timing.last;
        if (timing.tokens === maxTokens) break;
      }
      return timing;
    }),
  );
  console.log(JSON.stringify(timings));
}
