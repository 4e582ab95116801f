/** Chat templates as their authors expect them: Jinja with the globals of Hugging Face's `apply_chat_template`. Runs in the renderer process only. */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { formatTime } from './format-time.ts';
import type { TemplateInput } from './template-input.ts';

/** Blocks within blocks and brackets within brackets; the deepest published templates found stay below ten. */
const maxNesting = 64;

/** A template loops over messages and tools; longer ranges only waste time. */
const maxRange = 100_000;

type TemplateGlobals = { bosToken: string; eosToken: string; now?: number | undefined };

export type CompiledTemplate = (input: TemplateInput, globals: TemplateGlobals) => string;

const opening = new Set(['if', 'for', 'macro', 'call', 'filter']);
const closing = new Set(['endif', 'endfor', 'endmacro', 'endcall', 'endfilter', 'endset']);

/** Throws an error whose message is fit for the template's user when the source is no template. */
export function compileTemplate(source: string): CompiledTemplate {
  const tokens = tokenize(source, { lstrip_blocks: true, trim_blocks: true });
  requireShallow(tokens);
  const program = parse(tokens);
  return (input, { bosToken, eosToken, now }) => {
    const environment = new Environment();
    const globals = {
      true: true,
      false: false,
      none: null,
      True: true,
      False: false,
      None: null,
      raise_exception: (message: unknown): never => {
        throw new TemplateRefusal(String(message));
      },
      range: boundedRange,
      strftime_now: (format: unknown) => formatTime(new Date(now ?? Date.now()), String(format)),
      messages: input.messages,
      tools: input.tools,
      documents: null,
      add_generation_prompt: input.addGenerationPrompt,
      bos_token: bosToken,
      eos_token: eosToken,
    };
    for (const [name, value] of Object.entries(globals)) environment.set(name, value);
    return String(new Interpreter(environment).run(program).value);
  };
}

/** The template itself said no, by `raise_exception`. */
export class TemplateRefusal extends Error {}

function requireShallow(tokens: readonly { type: string; value: string }[]): void {
  let brackets = 0;
  let blocks = 0;
  for (const [index, { type, value }] of tokens.entries()) {
    if (type.startsWith('OpenParen') || type === 'OpenSquareBracket' || type === 'OpenCurlyBracket') brackets++;
    if (type.startsWith('CloseParen') || type === 'CloseSquareBracket' || type === 'CloseCurlyBracket') brackets--;
    const statement = type === 'Identifier' && tokens[index - 1]?.type === 'OpenStatement';
    if (statement && (opening.has(value) || (value === 'set' && isBlockSet(tokens, index)))) blocks++;
    if (statement && closing.has(value)) blocks--;
    if (brackets > maxNesting || blocks > maxNesting) throw new SyntaxError(`nested deeper than ${maxNesting} levels`);
  }
}

/** `{% set x %}...{% endset %}` has no `=` before its end. */
function isBlockSet(tokens: readonly { type: string }[], index: number): boolean {
  for (let i = index; i < tokens.length; i++) {
    if (tokens[i]!.type === 'Equals') return false;
    if (tokens[i]!.type === 'CloseStatement') return true;
  }
  return false;
}

function boundedRange(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.ceil((stop - start) / step);
  if (!Number.isFinite(length)) throw new TypeError('range() needs numbers and a step that is not 0');
  if (length > maxRange) throw new RangeError(`range() longer than ${maxRange}`);
  return Array.from({ length: Math.max(0, length) }, (_, i) => start + i * step);
}
