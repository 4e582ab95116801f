/** The files of a folder that describe its tokenizer, checked as far as they are used. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { maxJsonBytes, maxTokenizerBytes } from '../limits.ts';
import { readJson, readLimited, readOptionalJson } from '../read-json.ts';
import { parseSentencePiece, type SentencePieceModel } from './sentencepiece.ts';

const id = z
  .number()
  .int()
  .min(0)
  .max(2 ** 24);
const addedTokenSchema = z.looseObject({ id, content: z.string(), special: z.boolean().default(false) });
export type AddedToken = { id: number; content: string; special: boolean };

/** A step of tokenizer.json's pipelines, of which there are too many kinds to list: each user looks for those it knows. */
export interface Step {
  type: string;
  [field: string]: unknown;
}
const step: z.ZodType<Step> = z.looseObject({ type: z.string() });

const tokenizerSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: step.nullish(),
  pre_tokenizer: step.nullish(),
  post_processor: step.nullish(),
  model: z.looseObject({
    type: z.string(),
    // Checked by `vocabularyOf`: a record schema would lose a token that is named like a property of objects.
    vocab: z.unknown().optional(),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).default([]),
    byte_fallback: z.boolean().nullish(),
    ignore_merges: z.boolean().nullish(),
    unk_token: z.string().nullish(),
  }),
});
export type TokenizerJson = z.output<typeof tokenizerSchema>;

const namedToken = z.union([z.string(), z.looseObject({ content: z.string() }), z.null()]).optional();
const templates = z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]).nullish();
const tokenizerConfigSchema = z.looseObject({
  bos_token: namedToken,
  eos_token: namedToken,
  unk_token: namedToken,
  sep_token: namedToken,
  pad_token: namedToken,
  cls_token: namedToken,
  mask_token: namedToken,
  add_bos_token: z.boolean().nullish(),
  add_eos_token: z.boolean().nullish(),
  add_prefix_space: z.boolean().nullish(),
  do_lower_case: z.boolean().nullish(),
  chat_template: templates,
  added_tokens_decoder: z
    .record(z.string(), z.looseObject({ content: z.string(), special: z.boolean().default(false) }))
    .nullish(),
});
export type TokenizerConfig = z.output<typeof tokenizerConfigSchema>;

const tokenId = z.union([id, z.array(id), z.null()]).optional();
const idsSchema = z.looseObject({ bos_token_id: tokenId, eos_token_id: tokenId, pad_token_id: tokenId });
export type TokenIds = z.output<typeof idsSchema>;

export interface TokenizerFiles {
  directory: string;
  json: TokenizerJson | undefined;
  config: TokenizerConfig | undefined;
  /** Of generation_config.json. */
  generation: TokenIds;
  /** Of config.json. */
  model: TokenIds;
  sentencePiece: SentencePieceModel | undefined;
  /** vocab.txt, one token a line. */
  words: string[] | undefined;
  /** Every added token, by id. */
  added: Map<number, AddedToken>;
  /** Contents of chat_template.jinja or .json. */
  template: string | undefined;
}

export async function readTokenizerFiles(directory: string): Promise<TokenizerFiles> {
  const file = (name: string): string => path.join(directory, name);
  const text = async (name: string): Promise<string | undefined> =>
    existsSync(file(name)) ? (await readLimited(file(name), maxJsonBytes)).toString('utf8') : undefined;
  const json = await readOptionalJson(file('tokenizer.json'), tokenizerSchema, maxTokenizerBytes);
  const config = await readOptionalJson(file('tokenizer_config.json'), tokenizerConfigSchema);
  const addedById = await readOptionalJson(file('added_tokens.json'), z.record(z.string(), id));
  const templateJson = await readOptionalJson(file('chat_template.json'), z.looseObject({ chat_template: z.string() }));
  const added = new Map<number, AddedToken>();
  for (const [content, number] of Object.entries(addedById ?? {}))
    added.set(number, { id: number, content, special: false });
  for (const token of json?.added_tokens ?? []) added.set(token.id, token);
  for (const [number, token] of Object.entries(config?.added_tokens_decoder ?? {}))
    if (/^\d{1,8}$/.test(number)) added.set(Number(number), { ...token, id: Number(number) });
  const model = file('tokenizer.model');
  return {
    directory,
    json,
    config,
    generation: (await readOptionalJson(file('generation_config.json'), idsSchema)) ?? {},
    model: await readJson(file('config.json'), idsSchema),
    // Llama 3's file of this name is another format; its tokenizer.json says all.
    sentencePiece:
      existsSync(model) && !isByteLevel(json)
        ? parseSentencePiece(await readLimited(model, maxTokenizerBytes), model)
        : undefined,
    words: (await text('vocab.txt'))?.replace(/\n$/, '').split(/\r?\n/),
    added,
    template: (await text('chat_template.jinja')) ?? templateJson?.chat_template,
  };
}

/** The steps of a pipeline, those of its sequences in their place. */
export function steps(whole: Step | null | undefined): Step[] {
  if (!whole) return [];
  if (whole.type !== 'Sequence') return [whole];
  const inner = z.array(step).safeParse(whole['normalizers'] ?? whole['pretokenizers'] ?? whole['processors']);
  return inner.success ? inner.data.flatMap(steps) : [whole];
}

/** True for BPE over bytes, the kind of GPT-2. */
export function isByteLevel(json: TokenizerJson | undefined): boolean {
  return json?.model.type === 'BPE' && steps(json.pre_tokenizer).some(({ type }) => type === 'ByteLevel');
}
