/**
 * The process that renders chat templates of untrusted model files. It holds nothing worth taking, has no rights beyond
 * reading files, and its parent kills it when a template takes too long.
 */
import { Worker } from 'node:worker_threads';
import { compileTemplate, TemplateRefusal, type CompiledTemplate } from './compile-template.ts';
import { renderRequestSchema, type RenderReply, type RenderRequest, type RenderResult } from './renderer-messages.ts';

/** A runner serves a model or two; compiled templates are small. */
const maxCompiled = 16;

/** Long enough for a template's own refusal, too short to carry a document away. */
const maxFailureLength = 300;

/** While a template spins, this thread never sees that its parent is gone; another one does. */
const watchParent = `
  const { workerData: parent } = require('node:worker_threads');
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 1000);
`;

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
  reply({ id: request.id, results: request.inputs.map((input) => render(request, input)) });
});
new Worker(watchParent, { eval: true, workerData: process.ppid, stdout: true, stderr: true });
reply({ ready: true });
