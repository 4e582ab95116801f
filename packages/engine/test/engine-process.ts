/** A process with an engine that generates for ever with the model of its argument; prints the runner's process id. */
import { endless, tinyEngine } from './tiny-engine.ts';

const engine = tinyEngine();
const request = { model: { path: process.argv[2]! }, owner: 'test', ...endless };
for (let started = false; ;) {
  for await (const _ of engine.generate(request)) {
    if (!started) console.log(engine.status().runners[0]!.pid);
    started = true;
  }
}
