/** Arguments of calls as elements, one for each, in the order of the schema: strings as they are, everything else as JSON. */
import { charsOf, complement, subtract, union } from '../gbnf/char-ranges.ts';
import {
  chars,
  choice,
  empty,
  isNever,
  never,
  optional,
  repeat,
  rule,
  sequence,
  text,
  type Expression,
} from '../gbnf/grammar.ts';
import { branchesOf } from '../structured/branches.ts';
import type { GrammarBuilder } from '../structured/grammar-builder.ts';
import { propertiesOf } from '../structured/object-grammar.ts';
import { countsOf, type StringWriter } from '../structured/scalar-grammar.ts';
import type { SchemaGrammar } from '../structured/schema-grammar.ts';
import { type Branch, refuse, type SchemaNode } from '../structured/schema-node.ts';
import { parameterMarks } from './tool-format.ts';

const [open, named, close] = parameterMarks;
const all = complement([]);
/** Where a form is given, a value has no character that could begin the mark after it. */
const unmarked = subtract(all, charsOf(close[0]!));

export class ParameterGrammar {
  readonly #builder: GrammarBuilder;
  readonly #schemas: SchemaGrammar;
  #strings: StringWriter | undefined;

  constructor(builder: GrammarBuilder, schemas: SchemaGrammar) {
    this.#builder = builder;
    this.#schemas = schemas;
  }

  /** The elements for objects of these schemas. Throws `unsupported_schema`. */
  of(nodes: readonly SchemaNode[]): Expression {
    return choice(...branchesOf(nodes).map((branch) => this.#elements(branch)));
  }

  #elements(branch: Branch): Expression {
    this.#strings ??= rawStrings(this.#builder);
    const strings = this.#strings;
    const properties = propertiesOf(branch, (about) => this.#schemas.written(about, strings));
    requirePossible(branch, properties.length, properties.filter(({ required }) => required).length);
    const elements = properties.map(({ name, required, value }) => {
      if (/[>\n]/.test(name))
        refuse(branch[0]!, 'properties', `a name with > or a line break cannot be written by this model`);
      if (isNever(value)) return required ? never : empty;
      const element = this.#builder.define(sequence(text(`${open}${name}${named}\n`), value, text(`\n${close}\n`)));
      return required ? element : optional(element);
    });
    return sequence(text('\n'), ...elements);
  }
}

function requirePossible(branch: Branch, count: number, required: number): void {
  const [least, most] = countsOf(branch, 'minProperties', 'maxProperties');
  const refused = least > required ? 'minProperties' : most < count ? 'maxProperties' : undefined;
  if (refused === undefined) return;
  const node = branch.find(({ schema }) => Object.hasOwn(schema as object, refused))!;
  refuse(node, refused, 'it cannot be enforced for optional parameters; name those that are required');
}

/** Strings that end where the mark after them begins, and so have none inside. */
function rawStrings(builder: GrammarBuilder): StringWriter {
  const [first, ...others] = close;
  // One rule for each beginning of the mark that has just been written. The mark's first character is nowhere else in it.
  const states = [builder.reserve(), ...others.map(() => builder.reserve())];
  for (const [index, name] of states.entries()) {
    const again = sequence(text(first!), rule(states[1]!));
    const expected = index === 0 ? undefined : close[index]!;
    const onward = index > 0 && index + 1 < close.length ? [sequence(text(expected!), rule(states[index + 1]!))] : [];
    const elsewhere = subtract(all, union(charsOf(first!), charsOf(expected ?? '')));
    builder.complete(name, choice(empty, again, ...onward, sequence(chars(elsewhere), rule(states[0]!))));
  }
  return {
    free: rule(states[0]!),
    bounded: (min, max) => repeat(chars(unmarked), min, max),
    content: withoutMark,
    exact: (value) => (value.includes(close) ? never : text(value)),
  };
}

function withoutMark(expression: Expression): Expression {
  switch (expression.kind) {
    case 'text':
      return expression.text.includes(close[0]!) ? never : expression;
    case 'chars':
      return chars(subtract(expression.set, charsOf(close[0]!)));
    case 'sequence':
      return sequence(...expression.items.map(withoutMark));
    case 'choice':
      return choice(...expression.options.map(withoutMark));
    case 'repeat':
      return repeat(withoutMark(expression.item), expression.min, expression.max);
    case 'rule':
      return expression;
  }
}
