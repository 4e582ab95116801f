/** JSON schemas as grammars: whatever obeys the grammar is valid. Facts: JSON Schema 2020-12, and draft 7 where it differs. */
import { choice, never, rule, type Expression } from '../gbnf/grammar.ts';
import { arrayOf } from './array-grammar.ts';
import { branchesOf } from './branches.ts';
import type { GrammarBuilder } from './grammar-builder.ts';
import { literal } from './json-text.ts';
import { allowedKinds, generatedKinds, keywordsOf, kindsOfValue, valuesOfAll, type Values } from './kinds.ts';
import type { TypeName } from './keywords.ts';
import { objectOf } from './object-grammar.ts';
import { refuse, unsupported, type Branch, type SchemaNode } from './schema-node.ts';
import { jsonStrings, numberAllows, numberOf, stringOf, stringTest, type StringWriter } from './scalar-grammar.ts';

/** Schemas and properties in all alternatives together; beyond, the schema combines too much. */
const maxWork = 50_000;

/** Makes the rules of schemas, those that refer to themselves included. */
export class SchemaGrammar {
  readonly #builder: GrammarBuilder;
  readonly #rules = new Map<string, string>();
  readonly #ids = new WeakMap<object, number>();
  #count = 0;
  #work = 0;

  constructor(builder: GrammarBuilder) {
    this.#builder = builder;
  }

  /** The values that are valid for all of these schemas. Throws `unsupported_schema`. */
  readonly value = (nodes: readonly SchemaNode[]): Expression => {
    if (nodes.some(({ schema }) => schema === false)) return never;
    const objects = nodes.filter((node) => typeof node.schema === 'object');
    if (objects.length === 0) return rule('value');
    const key = [...new Set(objects.map((node) => this.#id(node.schema as object)))].sort((a, b) => a - b).join(' ');
    let name = this.#rules.get(key);
    if (name === undefined) {
      name = this.#builder.reserve();
      this.#rules.set(key, name);
      const branches = branchesOf(objects);
      this.#work += branches.reduce((sum, branch) => sum + workOf(branch), 1);
      if (this.#work > maxWork) throw unsupported(objects[0]!.root.name, 'its combinations are too many');
      const options = branches.map((branch) => this.#branch(branch));
      // The same alternative twice would be followed twice.
      const different = new Map(options.map((option) => [JSON.stringify(option), option]));
      this.#builder.complete(name, choice(...different.values()));
    }
    return rule(name);
  };

  /** The same outside of JSON, with strings as they are written there; whatever is no string is JSON. */
  written(nodes: readonly SchemaNode[], strings: StringWriter): Expression {
    if (nodes.some(({ schema }) => schema === false)) return never;
    const objects = nodes.filter((node) => typeof node.schema === 'object');
    if (objects.length === 0) return strings.free;
    return choice(...branchesOf(objects).map((branch) => this.#branch(branch, strings)));
  }

  #id(schema: object): number {
    const id = this.#ids.get(schema) ?? this.#count++;
    this.#ids.set(schema, id);
    return id;
  }

  #branch(branch: Branch, strings = jsonStrings): Expression {
    const values = valuesOfAll(branch);
    if (values) return this.#values(branch, values, strings);
    const kinds = generatedKinds(branch);
    const anyNumber = kinds.has('number');
    const options = [...kinds]
      .filter((kind) => kind !== 'integer' || !anyNumber)
      .map((kind) => this.#kind(branch, kind, strings));
    return choice(...options);
  }

  #kind(branch: Branch, kind: TypeName, strings: StringWriter): Expression {
    switch (kind) {
      case 'null':
      case 'boolean':
        return rule(kind);
      case 'integer':
      case 'number':
        return numberOf(branch, kind);
      case 'string':
        return stringOf(branch, strings);
      case 'array':
        return this.#builder.define(arrayOf(branch, this.value, (definition) => this.#builder.define(definition)));
      case 'object':
        return objectOf(branch, this.value, this.#builder);
    }
  }

  /** `enum` and `const`: those of the values that the other keywords allow. */
  #values(branch: Branch, values: Values, strings: StringWriter): Expression {
    const kinds = allowedKinds(branch);
    const stringAllows = stringTest(branch);
    const allowed = [...values.values()].filter((value) => {
      if (!kinds.has(kindsOfValue(value)[0]!)) return false;
      if (typeof value === 'string') return stringAllows(value);
      if (typeof value === 'number') return numberAllows(branch, value);
      requireFree(branch, value);
      return true;
    });
    return choice(...allowed.map((value) => (typeof value === 'string' ? strings.exact(value) : literal(value))));
  }
}

function workOf(branch: Branch): number {
  return keywordsOf(branch).reduce(
    (sum, { properties }) => sum + 1 + Object.keys((properties as object | undefined) ?? {}).length,
    1,
  );
}

/** Refuses keywords about an array or an object that is given as a value. */
function requireFree(branch: Branch, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const node of branch) {
    const about = Object.keys(node.schema).find((key) => (Array.isArray(value) ? arrayWords : objectWords).has(key));
    if (about) refuse(node, about, 'it cannot be enforced together with enum or const of arrays and objects');
  }
}

const arrayWords = new Set(['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems', 'uniqueItems']);
const objectWords = new Set(
  'properties required additionalProperties patternProperties propertyNames minProperties maxProperties'.split(' '),
);
