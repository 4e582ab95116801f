/**
 * Names by which clients of hosted APIs call models, so that unchanged code runs here. By default each means the model
 * that ships; an operator says otherwise with ATELIER_MODEL_ALIASES.
 */
const shipped = 'starter';

const hostedNames = [
  'codestral-2405',
  'codestral-latest',
  'gpt-3.5-turbo',
  'gpt-4',
  'gpt-4.1',
  'gpt-4.1-mini',
  'gpt-4o',
  'gpt-4o-mini',
  'magistral-medium-latest',
  'magistral-small-latest',
  'ministral-3b-latest',
  'ministral-8b-latest',
  'mistral-embed',
  'mistral-large-latest',
  'mistral-medium-latest',
  'mistral-moderation-2411',
  'mistral-moderation-latest',
  'mistral-ocr-latest',
  'mistral-saba-latest',
  'mistral-small-latest',
  'open-mistral-7b',
  'open-mistral-nemo',
  'pixtral-12b-latest',
  'pixtral-large-latest',
  'text-embedding-3-large',
  'text-embedding-3-small',
  'text-embedding-ada-002',
];

/** The default names, overruled by `given` (alias -> model). */
export function modelAliases(given: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...hostedNames.map((name): [string, string] => [name, shipped]), ...given]);
}
