/** Special tokens, whether the tokenizer adds them, and the chat template. */
import type { Metadata } from '../families/family.ts';
import { type Step, steps, type TokenizerConfig, type TokenizerFiles } from './tokenizer-files.ts';

/** GGUF's keys by the names of tokenizer_config.json; the third is spelt so in the format. */
const keys = {
  bos: 'bos_token_id',
  eos: 'eos_token_id',
  sep: 'seperator_token_id',
  unk: 'unknown_token_id',
  pad: 'padding_token_id',
  mask: 'mask_token_id',
} as const;
type Role = keyof typeof keys;

export function specialTokens(files: TokenizerFiles, tokens: readonly { text: string }[]): Metadata {
  const named = namesOf(files.config);
  const ids = new Map(tokens.map(({ text }, id) => [text, id]));
  const metadata: Metadata = [];
  const found = new Map<Role, number>();
  for (const role of Object.keys(keys) as Role[]) {
    const text = named.get(role);
    const id = (text === undefined ? undefined : ids.get(text)) ?? numberOf(files, role);
    if (id === undefined || id >= tokens.length) continue;
    found.set(role, id);
    metadata.push([`tokenizer.ggml.${keys[role]}`, { type: 'UINT32', value: id }]);
  }
  const text = (role: Role): string | undefined => tokens[found.get(role) ?? -1]?.text;
  const template = templateEnds(files.json?.post_processor);
  const adds = (role: 'bos' | 'eos', end: string | undefined): boolean | undefined => {
    const asked = files.config?.[`add_${role}_token`];
    // Null and absent leave it to the post-processor, as transformers does.
    return asked ?? (template ? end !== undefined && end === text(role) : undefined);
  };
  for (const [role, end] of [
    ['bos', template?.first],
    ['eos', template?.last],
  ] as const) {
    const value = adds(role, end);
    if (value !== undefined) metadata.push([`tokenizer.ggml.add_${role}_token`, { type: 'BOOL', value }]);
  }
  return [...metadata, ...chatTemplates(files)];
}

/** Texts of the special tokens; encoders call the first and last ones by other names. */
function namesOf(config: TokenizerConfig | undefined): Map<Role, string> {
  const text = (value: string | { content: string } | null | undefined): string | undefined =>
    typeof value === 'object' ? value?.content : value;
  const names: [Role, string | undefined][] = [
    ['bos', text(config?.bos_token) ?? text(config?.cls_token)],
    ['eos', text(config?.eos_token) ?? text(config?.sep_token)],
    ['sep', text(config?.sep_token)],
    ['unk', text(config?.unk_token)],
    ['pad', text(config?.pad_token)],
    ['mask', text(config?.mask_token)],
  ];
  return new Map(names.filter((entry): entry is [Role, string] => entry[1] !== undefined));
}

/** By number, for folders whose tokenizer does not name the token; of several, the first. */
function numberOf(files: TokenizerFiles, role: Role): number | undefined {
  if (role !== 'bos' && role !== 'eos' && role !== 'pad') return undefined;
  const value = files.model[`${role}_token_id`] ?? files.generation[`${role}_token_id`];
  return Array.isArray(value) ? value[0] : (value ?? undefined);
}

/** What the post-processor puts before and after a text; undefined without one that says. */
function templateEnds(processor: Step | null | undefined): { first?: string; last?: string } | undefined {
  const template = steps(processor).find(({ type }) => type === 'TemplateProcessing');
  const single = template?.['single'];
  if (!Array.isArray(single)) return undefined;
  const id = (part: unknown): string | undefined =>
    (part as { SpecialToken?: { id?: string } } | undefined)?.SpecialToken?.id;
  const [first, last] = [id(single[0]), single.length > 1 ? id(single.at(-1)) : undefined];
  return { ...(first === undefined ? {} : { first }), ...(last === undefined ? {} : { last }) };
}

/** The file of its own goes before the field, as in transformers; of several named templates, `default` is the one. */
function chatTemplates(files: TokenizerFiles): Metadata {
  const template = files.template ?? files.config?.chat_template;
  if (template === undefined || template === null) return [];
  if (typeof template === 'string') return [['tokenizer.chat_template', { type: 'STRING', value: template }]];
  const others = template.filter(({ name }) => name !== 'default' && /^[\w-]{1,100}$/.test(name));
  const main = template.find(({ name }) => name === 'default');
  const list: Metadata = others.map((one) => [
    `tokenizer.chat_template.${one.name}`,
    { type: 'STRING', value: one.template },
  ]);
  const names = others.map(({ name }) => name);
  if (names.length > 0) list.push(['tokenizer.chat_templates', { type: 'ARRAY', items: 'STRING', value: names }]);
  return main ? [['tokenizer.chat_template', { type: 'STRING', value: main.template }], ...list] : list;
}
