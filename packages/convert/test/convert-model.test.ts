import { open, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LlamaModel, loadNative, quantise } from '@atelier/llama';
import { dequantise, encodeTensor, readGguf, readTensor } from '@atelier/llama/gguf';
import { describe, expect, it } from 'vitest';
import { convertModel } from '../src/convert-model.ts';
import { readSafetensors } from '../src/safetensors/read.ts';
import { outputs } from './model-outputs.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { type TinyFamily, type TinyFolder, tinyFolders, writeTinyFolder } from './tiny-folder.ts';
import { mergedPieceFiles, sentencePieceFiles } from './tiny-tokenizers.ts';

const native = loadNative({ gpu: 'off' });
const families = Object.keys(tinyFolders) as TinyFamily[];

async function converted(
  directory: Awaited<ReturnType<typeof temporaryDirectory>>,
  folder: TinyFolder,
  dtype: 'F32' | 'F16' | 'BF16' = 'F32',
  type?: Parameters<typeof convertModel>[2],
) {
  const weights = await writeTinyFolder(directory.path('folder'), folder, dtype);
  const file = directory.path('model.gguf');
  await convertModel(directory.path('folder'), file, type);
  const { tensors, metadata } = await readGguf(file);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const bytes = async (name: string): Promise<Buffer> => await readTensor(file, byName.get(name)!);
  return { file, weights, tensors, byName, metadata, bytes };
}

describe.each(families)('%s', (family) => {
  it('becomes a file that libllama loads and computes with, each matrix with the bytes it had', async () => {
    await using directory = await temporaryDirectory();
    const { file, weights, byName, bytes } = await converted(directory, tinyFolders[family], 'BF16');
    const result = outputs(file, [5, 6, 7]);
    expect(result.every(Number.isFinite)).toBe(true);
    expect(new Set(result).size).toBeGreaterThan(10);
    const [name, source] =
      family === 'bert'
        ? ['blk.1.ffn_down.weight', 'encoder.layer.1.output.dense.weight']
        : family === 'gpt2'
          ? ['position_embd.weight', 'transformer.wpe.weight']
          : ['blk.1.ffn_down.weight', 'model.layers.1.mlp.down_proj.weight'];
    const stored = await bytes(name);
    if (family === 'gpt2') expect(dequantise('F32', stored)).toEqual(dequantise('BF16', weights.get(source)!));
    else expect(stored.equals(weights.get(source)!)).toBe(true);
    expect(byName.get('token_embd.weight')?.type).toBe('BF16');
    expect(byName.get('token_embd.weight')?.shape).toEqual([64, tinyFolders[family].config.vocab_size]);
  });
});

it('orders the rows of q and k by pairs for llama, and leaves them for others', async () => {
  await using directory = await temporaryDirectory();
  const { bytes, weights } = await converted(directory, tinyFolders.smollm);
  for (const [part, heads] of [
    ['q', 4],
    ['k', 2],
  ] as const) {
    for (const kind of ['weight', 'bias']) {
      const source = dequantise('F32', weights.get(`model.layers.0.self_attn.${part}_proj.${kind}`)!);
      const result = dequantise('F32', await bytes(`blk.0.attn_${part}.${kind}`));
      const width = kind === 'weight' ? 64 : 1;
      // reshape(heads, 2, 8, width), swap the middle axes
      for (let head = 0; head < heads; head++)
        for (let half = 0; half < 2; half++)
          for (let pair = 0; pair < 8; pair++)
            for (let column = 0; column < width; column++)
              expect(result[(head * 16 + pair * 2 + half) * width + column]).toBe(
                source[(head * 16 + half * 8 + pair) * width + column],
              );
    }
  }
  await using other = await temporaryDirectory();
  const qwen = await converted(other, tinyFolders.qwen2);
  const source = qwen.weights.get('model.layers.0.self_attn.q_proj.weight')!;
  expect(Buffer.from(source).equals(await qwen.bytes('blk.0.attn_q.weight'))).toBe(true);
});

it('adds one to norms of Gemma, turns the products of GPT-2, makes the RoPE factors of Llama 3', async () => {
  await using directory = await temporaryDirectory();
  const gemma = await converted(directory, tinyFolders.gemma3);
  const norm = dequantise('F32', gemma.weights.get('model.layers.1.self_attn.q_norm.weight')!);
  expect(dequantise('F32', await gemma.bytes('blk.1.attn_q_norm.weight'))).toEqual(norm.map((value) => value + 1));
  const gpt = await converted(directory, tinyFolders.gpt2);
  const product = dequantise('F32', gpt.weights.get('transformer.h.1.attn.c_attn.weight')!);
  const turned = dequantise('F32', await gpt.bytes('blk.1.attn_qkv.weight'));
  expect([turned[0], turned[1], turned[64], turned[191 * 64 + 63]]).toEqual([
    product[0],
    product[192],
    product[1],
    product[63 * 192 + 191],
  ]);
  const llama = await converted(directory, tinyFolders.llama3);
  const factors = dequantise('F32', await llama.bytes('rope_freqs.weight'));
  expect([factors[0], factors.at(-1)]).toEqual([1, 8]);
});

it.each<[TinyFamily, Record<string, unknown>]>([
  ['llama2', { 'rope.dimension_count': 16, 'rope.freq_base': 10_000, 'attention.head_count_kv': 2, vocab_size: 304 }],
  ['mistral', { 'attention.key_length': 32, 'attention.value_length': 32, 'rope.dimension_count': 32 }],
  ['qwen3', { 'attention.key_length': 32, 'rope.freq_base': 1e6, feed_forward_length: 128 }],
  ['gemma2', { attn_logit_softcapping: 50, final_logit_softcapping: 30, 'attention.sliding_window': 64 }],
  ['gemma3', { 'rope.freq_base_swa': 10_000, 'rope.scaling.type': 'linear', 'rope.scaling.factor': 8 }],
  [
    'phi3',
    { 'rope.scaling.attn_factor': Math.fround(Math.sqrt(1 + 1 / 6)), 'rope.scaling.original_context_length': 64 },
  ],
  ['gpt2', { feed_forward_length: 256, context_length: 128, 'attention.layer_norm_epsilon': Math.fround(1e-5) }],
  ['bert', { 'attention.causal': false, pooling_type: 2, 'attention.layer_norm_epsilon': Math.fround(1e-12) }],
])('configures %s', async (family, expected) => {
  await using directory = await temporaryDirectory();
  const { metadata } = await converted(directory, tinyFolders[family]);
  const architecture = metadata.get('general.architecture')?.value as string;
  const found = Object.keys(expected).map((key) => [key, metadata.get(`${architecture}.${key}`)?.value]);
  expect(Object.fromEntries(found)).toEqual(expected);
});

it('takes the text of a multimodal Gemma 3, in the form that transformers 5 writes', async () => {
  await using directory = await temporaryDirectory();
  const {
    architectures: _,
    vocab_size,
    rope_theta,
    rope_local_base_freq,
    rope_scaling,
    ...rest
  } = tinyFolders.gemma3.config;
  const full_attention = { ...rope_scaling, rope_theta };
  const sliding_attention = { rope_type: 'default', rope_theta: rope_local_base_freq };
  const layer_types = ['sliding_attention', 'full_attention'];
  const text_config = { ...rest, vocab_size, layer_types, rope_parameters: { full_attention, sliding_attention } };
  const folder: TinyFolder = {
    ...tinyFolders.gemma3,
    config: { architectures: ['Gemma3ForConditionalGeneration'], vocab_size, text_config, vision_config: {} },
    tensors: [
      ...tinyFolders.gemma3.tensors.map(([name, shape]): [string, number[]] => [
        name.replace('model.', 'model.language_model.'),
        shape,
      ]),
      ['model.vision_tower.vision_model.post_layernorm.weight', [8]],
    ],
  };
  const { metadata, file } = await converted(directory, folder);
  expect(metadata.get('gemma3.rope.freq_base')?.value).toBe(1e6);
  expect(metadata.get('gemma3.rope.freq_base_swa')?.value).toBe(10_000);
  expect(metadata.get('gemma3.attention.sliding_window_pattern')?.value).toEqual([true, false]);
  expect(outputs(file, [5, 6]).every(Number.isFinite)).toBe(true);
});

it.each(['F32', 'F16', 'BF16', 'Q8_0', 'Q5_0'] as const)(
  'stores matrices as %s, and norms and biases as F32',
  async (type) => {
    await using directory = await temporaryDirectory();
    const { bytes, weights, tensors, metadata } = await converted(directory, tinyFolders.qwen2, 'F32', { type });
    const source = dequantise('F32', weights.get('model.layers.0.mlp.up_proj.weight')!);
    const expected =
      type === 'F32' || type === 'F16' || type === 'BF16'
        ? encodeTensor(type, source)
        : quantise(native, type, source, 64);
    expect(Buffer.from(expected).equals(await bytes('blk.0.ffn_up.weight'))).toBe(true);
    expect(new Set(tensors.filter(({ name }) => /norm|bias/.test(name)).map((tensor) => tensor.type))).toEqual(
      new Set(['F32']),
    );
    expect(metadata.get('general.file_type')?.value).toBe({ F32: 0, F16: 1, BF16: 32, Q8_0: 7, Q5_0: 8 }[type]);
  },
);

it('reads SentencePiece models and the merges made from them as the same tokenizer', async () => {
  await using directory = await temporaryDirectory();
  const text = 'then thing and the other,\n a ñ';
  const tokens = [];
  for (const tokenizer of [sentencePieceFiles(), mergedPieceFiles()]) {
    const { file } = await converted(directory, { ...tinyFolders.mistral, tokenizer });
    using model = LlamaModel.load(file, { vocabOnly: true });
    tokens.push([...model.vocab.tokenize(text, { addSpecial: true })]);
    expect(model.vocab.detokenize(model.vocab.tokenize(text))).toContain('then thing and the other,\n a ñ');
    expect([model.vocab.bos, model.vocab.eos]).toEqual([1, 2]);
  }
  expect(tokens[0]).toEqual(tokens[1]);
  expect(tokens[0]?.[0]).toBe(1);
});

it('carries special tokens, the chat template and what begins a text', async () => {
  await using directory = await temporaryDirectory();
  const llama = await converted(directory, tinyFolders.llama3);
  using model = LlamaModel.load(llama.file);
  expect(model.chatTemplate).toBe('{{ messages[0].content }}');
  expect(model.vocab.text(model.vocab.eos!)).toBe('<|im_end|>');
  expect(model.vocab.isEog(model.vocab.eos!)).toBe(true);
  expect([...model.vocab.tokenize('the', { addSpecial: true })].map((token) => model.vocab.text(token))).toEqual([
    '<|endoftext|>',
    'the',
  ]);
  expect([...model.vocab.tokenize('<|im_start|>', { parseSpecial: true })]).toHaveLength(1);
  await writeFile(directory.path('folder/chat_template.jinja'), 'the file');
  await convertModel(directory.path('folder'), llama.file);
  expect((await readGguf(llama.file)).metadata.get('tokenizer.chat_template')?.value).toBe('the file');
  await using other = await temporaryDirectory();
  const bert = await converted(other, tinyFolders.bert);
  using encoder = LlamaModel.load(bert.file);
  const words = [...encoder.vocab.tokenize('The cats', { addSpecial: true })].map((token) => encoder.vocab.text(token));
  expect(words).toEqual(['[CLS]', '▁the', '▁cat', 's', '[SEP]']);
});

describe('refuses, naming what is wrong,', () => {
  const change = (family: TinyFamily, changes: Partial<TinyFolder>): TinyFolder => ({
    ...tinyFolders[family],
    ...changes,
  });
  const configured = (family: TinyFamily, config: object): TinyFolder =>
    change(family, { config: { ...tinyFolders[family].config, ...config } });
  const tokenizer = JSON.parse(tinyFolders.qwen2.tokenizer['tokenizer.json'] as string) as Record<string, object>;

  it.each<[string, TinyFolder, string]>([
    [
      'a class',
      configured('llama2', { architectures: ['MambaForCausalLM'] }),
      'MambaForCausalLM; supported: LlamaForCausalLM',
    ],
    [
      'a missing tensor',
      change('llama2', { tensors: tinyFolders.llama2.tensors.slice(1) }),
      'tensor model.embed_tokens.weight is missing',
    ],
    [
      'a tensor left over',
      change('llama2', { tensors: [...tinyFolders.llama2.tensors, ['model.extra.weight', [2]]] }),
      '"model.extra.weight" is not part',
    ],
    [
      'an untied head that is missing',
      configured('smollm', { tie_word_embeddings: false }),
      'lm_head.weight is missing',
    ],
    ['another shape', configured('llama2', { intermediate_size: 96 }), 'has the shape [128, 64], expected [96, 64]'],
    ['a wrong field', configured('llama2', { num_hidden_layers: 'two' }), 'num_hidden_layers'],
    ['heads that do not fit', configured('llama2', { num_attention_heads: 7 }), '7 heads'],
    [
      'a RoPE scaling',
      configured('llama2', { rope_scaling: { type: 'dynamic', factor: 2 } }),
      '"dynamic" is not supported',
    ],
    ['an activation', configured('bert', { hidden_act: 'relu' }), 'hidden_act is "relu"'],
    ['a scale of attention', configured('gemma2', { query_pre_attn_scalar: 144 }), 'query_pre_attn_scalar is 144'],
    [
      'quantised weights',
      configured('llama2', { quantization_config: { quant_method: 'gptq' } }),
      'quantization_config',
    ],
    [
      'a vocabulary beyond the embedding',
      change('qwen2', {
        config: { ...tinyFolders.qwen2.config, vocab_size: 260 },
        tensors: tinyFolders.qwen2.tensors.map(([name, shape]) => [
          name,
          shape.map((size) => (size === 280 ? 260 : size)),
        ]),
      }),
      'vocab_size of 260',
    ],
    [
      'a pre-tokenizer',
      change('qwen2', {
        tokenizer: {
          'tokenizer.json': JSON.stringify({
            ...tokenizer,
            pre_tokenizer: {
              type: 'Sequence',
              pretokenizers: [
                { type: 'Split', pattern: { Regex: 'x+' }, behavior: 'Isolated' },
                { type: 'ByteLevel', use_regex: false },
              ],
            },
          }),
        },
      }),
      'pre-tokenizer is not known here: split x+',
    ],
    [
      'a tokenizer',
      change('llama2', { tokenizer: { 'tokenizer.json': JSON.stringify({ model: { type: 'Unigram', vocab: [] } }) } }),
      '"Unigram"',
    ],
    ['a folder without one', change('llama2', { tokenizer: {} }), 'neither tokenizer.json nor tokenizer.model'],
    [
      'a SentencePiece model that is none',
      change('llama2', { tokenizer: { 'tokenizer.model': 'not one' } }),
      'tokenizer.model is not usable',
    ],
  ])('%s', async (_, folder, reason) => {
    await using directory = await temporaryDirectory();
    await writeTinyFolder(directory.path('folder'), folder);
    await expect(convertModel(directory.path('folder'), directory.path('model.gguf'))).rejects.toThrow(reason);
    expect(await readdir(directory.path('.'))).toEqual(['folder']);
  });

  it('numbers beyond F16', async () => {
    await using directory = await temporaryDirectory();
    await writeTinyFolder(directory.path('folder'), tinyFolders.llama2);
    const file = path.join(directory.path('folder'), 'model.safetensors');
    const { tensors } = await readSafetensors(file);
    const handle = await open(file, 'r+');
    await handle.write(
      Buffer.from(Float32Array.of(70_000).buffer),
      0,
      4,
      tensors.find(({ name }) => name === 'lm_head.weight')!.offset,
    );
    await handle.close();
    await expect(convertModel(directory.path('folder'), directory.path('model.gguf'), { type: 'F16' })).rejects.toThrow(
      'Tensor output.weight holds numbers beyond the range of F16',
    );
    await convertModel(directory.path('folder'), directory.path('model.gguf'), { type: 'BF16' });
  });
});
