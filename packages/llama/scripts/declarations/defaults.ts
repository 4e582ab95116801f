import { evaluateInteger } from './preprocess.ts';

/**
 * Reads the initialiser of `<struct> result = { /*.field =*\/ value, ... };` inside `<struct>_default_params()` from
 * llama.cpp's source: the values that the libraries must return if they are the version that the headers describe.
 * C fills fields by position; the names in the source's comments are not always those of the fields,
 * and the last fields may be left out (C zeroes them).
 */
export function readDefaults(
  source: string,
  struct: string,
  fields: readonly string[],
  lookUp: (name: string) => number | undefined,
): Record<string, number | boolean | null> {
  const body = new RegExp(`\\b${struct} result = \\{([\\s\\S]*?)\\n {4}\\};`).exec(source)?.[1];
  if (body === undefined) throw new Error(`no initialiser of ${struct} found`);
  const texts = [...body.matchAll(/\/\*\s*\.\w+\s*=\s*\*\/\s*([^,]+),/g)].map((match) => (match[1] ?? '').trim());
  if (texts.length > fields.length) {
    throw new Error(`${struct} has ${fields.length} fields, its initialiser ${texts.length} values`);
  }
  return Object.fromEntries(texts.map((text, index) => [fields[index], readValue(text, lookUp)]));
}

function readValue(text: string, lookUp: (name: string) => number | undefined): number | boolean | null {
  if (text === 'nullptr') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?\d+\.\d+f?$/.test(text)) return Number(text.replace(/f$/, ''));
  const value = evaluateInteger(text, lookUp);
  if (value === undefined) throw new Error(`cannot read the default ${text}`);
  return value;
}
