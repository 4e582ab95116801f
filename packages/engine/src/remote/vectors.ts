/** Vectors, rankings and token counts from another server. */
import { AtelierError } from '@atelier/errors';
import { z } from 'zod';
import { embeddingIn } from '../embedding-form.ts';
import type { Embeddings, embedRequestSchema, Reranking, rerankRequestSchema } from '../encode-request.ts';
import type { TokenCount, tokenizeRequestSchema } from '../tokenize-request.ts';
import { normalised } from '../embedding-form.ts';
import { dialects } from './dialects.ts';
import { failed } from './failure.ts';
import { refusal } from './request-body.ts';
import type { Service } from './service.ts';

type Of<S extends z.ZodType> = Omit<z.output<S>, 'model' | 'owner'> & { model: string };

/** Inputs of one request; hosted APIs take 2,048, but not many tokens in them. */
const inputsAtOnce = 128;

const embeddingsSchema = z.object({
  data: z.array(z.object({ index: z.int().min(0), embedding: z.array(z.number()).min(1) })),
  usage: z.object({ prompt_tokens: z.int().min(0) }),
});

const rankingSchema = z.object({
  results: z.array(z.object({ index: z.int().min(0), relevance_score: z.number() })),
  usage: z.object({ prompt_tokens: z.int().min(0).default(0), total_tokens: z.int().min(0).default(0) }).optional(),
});

/** Pooling is the other side's business; the form of the vectors is made here. Throws `invalid_request`, `remote_failed`. */
export async function remoteEmbed(
  service: Service,
  { model, inputs, pooling, normalise = true, dimensions, form, truncate }: Of<typeof embedRequestSchema>,
  signal: AbortSignal,
): Promise<Embeddings> {
  const { description } = service;
  const cut = dialects[description.kind].truncate;
  if (pooling !== undefined) throw refusal(description, 'pooling');
  if (!normalise) throw refusal(description, 'normalise: false');
  if (truncate && !cut) throw refusal(description, 'truncate');
  const vectors: Float32Array[] = [];
  let promptTokens = 0;
  for (let first = 0; first < inputs.length; first += inputsAtOnce) {
    const part = inputs.slice(first, first + inputsAtOnce);
    // One request has either texts or tokens, so a mixed part goes one by one.
    const alike = part.every(({ kind }) => kind === part[0]!.kind);
    for (const group of alike ? [part] : part.map((one) => [one])) {
      const input = group.map((each) => {
        if (each.kind === 'text') return each.text;
        if (each.kind === 'tokens') return each.tokens;
        throw refusal(description, 'inputs: a conversation');
      });
      const body = { model, input, encoding_format: 'float', ...(truncate && cut) };
      const answer = checked(service, embeddingsSchema, await service.json({ path: '/embeddings', body }, signal));
      vectors.push(...inOrder(service, answer.data, group.length, ({ embedding }) => Float32Array.from(embedding)));
      promptTokens += answer.usage.prompt_tokens;
    }
  }
  const options = { dimensions, normalise, form };
  return { vectors: vectors.map((vector) => embeddingIn(vector, options)), usage: { promptTokens } };
}

/** By the other side's ranking where its kind has one, else by the cosine of its embeddings. */
export async function remoteRerank(
  service: Service,
  { model, query, documents }: Of<typeof rerankRequestSchema>,
  signal: AbortSignal,
): Promise<Reranking> {
  if (dialects[service.description.kind].rerank) {
    const body = { model, query, documents };
    const answer = checked(service, rankingSchema, await service.json({ path: '/rerank', body }, signal));
    const scores = inOrder(service, answer.results, documents.length, ({ relevance_score }) => relevance_score);
    const { prompt_tokens: prompt = 0, total_tokens: total = 0 } = answer.usage ?? {};
    return { by: 'reranker', scores, usage: { promptTokens: prompt || total } };
  }
  const inputs = [query, ...documents].map((text) => ({ kind: 'text' as const, text }));
  const request = { model, inputs, form: 'float' as const, truncate: false, pooling: undefined, normalise: true };
  const { vectors, usage } = await remoteEmbed(service, { ...request, dimensions: undefined }, signal);
  const [target, ...others] = vectors.map((vector) => normalised(vector as Float32Array));
  return {
    by: 'cosine',
    scores: others.map((vector) => vector.reduce((sum, x, at) => sum + x * target![at]!, 0)),
    usage,
  };
}

/** Through the other side's tokenizer and chat template. Throws `invalid_request` where it has no such door. */
export async function remoteTokenize(
  service: Service,
  { model, input, tokens: wanted }: Of<typeof tokenizeRequestSchema>,
  signal: AbortSignal,
): Promise<TokenCount> {
  const { description } = service;
  const door = dialects[description.kind].tokenize;
  const ask = (path: string, body: object) => service.json({ path, body, fromRoot: true }, signal);
  if (input.kind === 'tokens') return { count: input.tokens.length, ...(wanted && { tokens: input.tokens }) };
  if (!door || input.kind === 'fim') throw refusal(description, 'tokenize');
  if (input.kind === 'chat' && input.prefix !== undefined) throw refusal(description, 'input.prefix');
  const { tools = [] } = input.kind === 'chat' ? input : {};
  const conversation = input.kind === 'chat' && {
    messages: input.messages,
    ...(tools.length > 0 && { tools }),
  };
  let answer: unknown;
  if (door === 'vllm') answer = await ask('/tokenize', { model, ...(conversation || { prompt: textOf(input) }) });
  else {
    const content = conversation
      ? checked(service, z.object({ prompt: z.string() }), await ask('/apply-template', conversation)).prompt
      : textOf(input);
    answer = await ask('/tokenize', { content, add_special: true, parse_special: conversation !== false });
  }
  const { tokens } = checked(service, z.object({ tokens: z.array(z.int().min(0)) }), answer);
  return { count: tokens.length, ...(wanted && { tokens }) };
}

const textOf = (input: { kind: string; text?: string }): string => input.text ?? '';

function checked<T>({ description }: Service, schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw failed(description.name, `its answer is of another form (${path.join('.')}: ${message})`).error;
}

function inOrder<T extends { index: number }, R>(
  { description }: Service,
  entries: readonly T[],
  length: number,
  value: (entry: T) => R,
): R[] {
  const byIndex = new Map(entries.map((entry) => [entry.index, entry]));
  return Array.from({ length }, (_, index) => {
    const entry = byIndex.get(index);
    if (!entry) throw new AtelierError('remote_failed', { name: description.name, reason: 'its answer is not whole' });
    return value(entry);
  });
}
