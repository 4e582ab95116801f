/** A thread that makes grammars: large schemas take a second, for which nobody else should wait. */
import { parentPort } from 'node:worker_threads';
import { isAtelierError } from '@atelier/errors';
import { outputGrammar, type OutputForm } from './output-grammar.ts';

parentPort!.on('message', (form: OutputForm) => {
  try {
    parentPort!.postMessage({ grammar: outputGrammar(form) });
  } catch (error) {
    parentPort!.postMessage({ error: isAtelierError(error) ? error.toJSON() : { code: 'internal', details: {} } });
  }
});
