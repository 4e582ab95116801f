import { checkGrammar } from '../gbnf/check-grammar.ts';
import { rootRule, rule, type Expression, type Grammar } from '../gbnf/grammar.ts';
import { printGrammar } from '../gbnf/print-grammar.ts';
import { maxGrammarLength } from '../limits.ts';
import { jsonRules } from './json-text.ts';
import { unsupported } from './schema-node.ts';

/** Collects the rules of a grammar; those of JSON in general are there by their names. */
export class GrammarBuilder {
  readonly #rules = new Map<string, Expression>();
  readonly #names = new Map<string, string>();

  /** A rule with this definition; the same definition is the same rule, which llama.cpp follows once. */
  define(definition: Expression): Expression {
    const key = JSON.stringify(definition);
    let name = this.#names.get(key);
    if (name === undefined) {
      name = this.reserve();
      this.#names.set(key, name);
      this.#rules.set(name, definition);
    }
    return rule(name);
  }

  /** The name of a rule that is defined later by `complete`. */
  reserve(): string {
    const name = `r${this.#rules.size}`;
    this.#rules.set(name, rule(name));
    return name;
  }

  complete(name: string, definition: Expression): void {
    this.#rules.set(name, definition);
  }

  #grammar(root: Expression): Grammar {
    return new Map([...Object.entries(jsonRules), ...this.#rules, [rootRule, root]]);
  }

  /** GBNF text. Throws `unsupported_schema` naming the document where no value is valid, or the grammar gets too large. */
  print(root: Expression, name: string): string {
    const gbnf = printGrammar(checkGrammar(this.#grammar(root), (reason) => unsupported(name, reason)));
    if (gbnf.length > maxGrammarLength)
      throw unsupported(name, `its grammar is longer than ${maxGrammarLength} characters`);
    return gbnf;
  }
}
