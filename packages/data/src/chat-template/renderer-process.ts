/**
 * The process that renders chat templates of untrusted model files. It holds nothing worth taking, has no rights beyond
 * reading files, and ends itself when a template takes too much processor time: that of the clock says more about what else
 * the machine does.
 */
import { Worker } from 'node:worker_threads';
import { compileTemplate, TemplateRefusal, type CompiledTemplate } from './compile-template.ts';
import { renderRequestSchema, type RenderReply, type RenderRequest, type RenderResult } from './renderer-messages.ts';

/** A runner serves a model or two; compiled templates are small. */
const maxCompiled = 16;

/** Long enough for a template's own refusal, too short to carry a document away. */
const maxFailureLength = 300;

/** While a template spins, this thread sees neither the time nor that its parent is gone; another one does. */
const lookOn = `
  const { workerData: { parent, limit } } = require('node:worker_threads');
  setInterval(() => {
    const { user, system } = process.cpuUsage();
    const most = Number(Atomics.load(limit, 0));
    const spent = most !== 0 && user + system > most;
    if (spent || process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  }, 50);
`;

/** The processor time of this process, in microseconds, after which it ends; 0 for none. */
const limit = new BigInt64Array(new SharedArrayBuffer(8));

const compiled = new Map<string, CompiledTemplate>();

function compiledTemplate(source: string): CompiledTemplate {
  let template = compiled.get(source);
  if (template === undefined) {
    template = compileTemplate(source);
    if (compiled.size >= maxCompiled) compiled.delete(compiled.keys().next().value!);
    compiled.set(source, template);
  }
  return template;
}

function render(request: RenderRequest, { maxLength, ...input }: RenderRequest['inputs'][number]): RenderResult {
  try {
    const text = compiledTemplate(request.template)(input, request);
    if (text.length > maxLength) return { failure: `it renders to more than ${maxLength} characters` };
    return { text };
  } catch (error) {
    return {
      failure: failureOf(error)
        .replace(/\p{Cc}+/gu, ' ')
        .slice(0, maxFailureLength),
    };
  }
}

function failureOf(error: unknown): string {
  if (error instanceof TemplateRefusal) return `the template says: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : 'it threw something that is no error';
}

function reply(message: RenderReply): void {
  process.send!(message);
}

process.on('disconnect', () => process.exit());
process.on('message', (message) => {
  const request = renderRequestSchema.parse(message);
  const { user, system } = process.cpuUsage();
  Atomics.store(limit, 0, BigInt(Math.ceil(user + system + request.cpuLimitMs * 1000)));
  const results = request.inputs.map((input) => render(request, input));
  Atomics.store(limit, 0, 0n);
  reply({ id: request.id, results });
});
new Worker(lookOn, { eval: true, workerData: { parent: process.ppid, limit }, stdout: true, stderr: true });
reply({ ready: true });
