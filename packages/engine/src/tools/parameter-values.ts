/** What the text of a parameter means, where strings are written as they are and everything else as JSON. */
import { branchesOf } from '../structured/branches.ts';
import { generatedKinds, kindsOfValue, valuesOfAll } from '../structured/kinds.ts';
import { propertiesOf } from '../structured/object-grammar.ts';
import type { SchemaNode } from '../structured/schema-node.ts';
import { callableTools, parametersOf } from './tool-choice.ts';

/** `text`: a string whatever it looks like. `json`: never a string. `either`: JSON where it is some, but no string in quotes. */
type Meaning = 'text' | 'json' | 'either';

/** By tool, by parameter. */
export type ParameterMeanings = ReadonlyMap<string, ReadonlyMap<string, Meaning>>;

/** Throws what `callableTools` throws, and `unsupported_schema`. */
export function parameterMeanings(tools: readonly unknown[]): ParameterMeanings {
  return new Map(
    callableTools(tools).map((tool, index) => {
      const branches = branchesOf(parametersOf(tool, index));
      const meanings = branches.flatMap((branch) => propertiesOf(branch, meaningOf));
      return [tool.name, new Map(meanings.map(({ name, value }) => [name, value]))];
    }),
  );
}

function meaningOf(nodes: readonly SchemaNode[]): Meaning {
  const branches = branchesOf(nodes.filter(({ schema }) => typeof schema === 'object'));
  const kinds = new Set(
    branches.flatMap((branch) => {
      const values = valuesOfAll(branch);
      return values ? [...values.values()].flatMap((value) => kindsOfValue(value)) : [...generatedKinds(branch)];
    }),
  );
  if (!kinds.has('string')) return 'json';
  return kinds.size === 1 ? 'text' : 'either';
}

/** The JSON text of a parameter's value. Of a parameter that nobody declared, it is as with `either`. */
export function parameterValue(written: string, meaning: Meaning = 'either'): string {
  if (meaning !== 'text') {
    try {
      const value: unknown = JSON.parse(written);
      if (meaning === 'json' || typeof value !== 'string') return written.trim();
    } catch {
      // A text after all.
    }
  }
  return JSON.stringify(written);
}
