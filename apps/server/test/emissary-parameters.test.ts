import { hyperParametersSchema } from '@atelier/tuner/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parameters, parameterTemplate, readParameters } from '../src/apis/emissary/translate/parameters.ts';
import { trainingSettingsSchema } from '../src/core/training/settings.ts';

const model = { contextLength: 512, parameters: 1e6 };
const read = (given: Record<string, string | number>) => readParameters(given, model);
const reasonOf = (given: Record<string, string | number>) => {
  try {
    read(given);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
};

describe('hyper-parameters', () => {
  it('have the published defaults', () => {
    expect(parameterTemplate(model)).toMatchObject({
      num_train_epochs: 5,
      per_device_train_batch_size: 1,
      gradient_accumulation_steps: 4,
      optim: 'adamw_8bit',
      weight_decay: 0.01,
      logging_steps: 10,
      learning_rate: 2e-4,
      warmup_steps: 5,
      lr_scheduler_type: 'linear',
      downsample_size: 100,
      eval_accumulation_steps: 50,
      per_device_eval_batch_size: 1,
      lora_rank: 32,
      lora_alpha: 64,
      lora_dropout: 0.05,
    });
  });

  it('are accepted as the template gives them, for any model', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 1 << 20 }), (contextLength) => {
        const template = parameterTemplate({ contextLength, parameters: 1e6 });
        const { effective, settings } = readParameters(template, { contextLength, parameters: 1e6 });
        expect(effective).toEqual(template);
        expect(trainingSettingsSchema.safeParse(settings).success).toBe(true);
      }),
    );
  });

  it("become the tuner's own", () => {
    const { method, seed, settings } = read({
      num_train_epochs: 3,
      per_device_train_batch_size: 8,
      gradient_accumulation_steps: 2,
      optim: 'adafactor',
      lr_scheduler_type: 'cosine',
      downsample_size: 50,
      per_device_eval_batch_size: 2,
      eval_accumulation_steps: 3,
      lora_rank: 4,
      lora_target_modules: 'v, q',
      max_seq_length: 128,
      seed: 7,
    });
    expect([method, seed]).toEqual(['lora', 7]);
    expect(settings).toEqual({
      rowsPerStep: 16,
      trainPercent: 50,
      testsAtOnce: 6,
      hyperParameters: {
        epochs: 3,
        optimizer: 'adafactor',
        weightDecay: 0.01,
        learningRate: 2e-4,
        warmupSteps: 5,
        warmupFraction: 0,
        schedule: 'cosine',
        quantization: 'none',
        loraRankStabilised: false,
        neftuneAlpha: 0,
        earlyStoppingMinDelta: 0,
        loraRank: 4,
        loraAlpha: 64,
        loraDropout: 0.05,
        loraTargets: ['q', 'v'],
        maxGradientNorm: 1,
        maxSequenceTokens: 128,
      },
    });
  });

  it.each([
    [
      { lr_scheduler_type: 'constant', warmup_steps: 9 },
      { schedule: 'constant', warmupSteps: 0 },
    ],
    [
      { lr_scheduler_type: 'constant_with_warmup', warmup_steps: 9 },
      { schedule: 'constant', warmupSteps: 9 },
    ],
    [{ warmup_ratio: 0.1 }, { warmupSteps: 0, warmupFraction: 0.1 }],
    [
      { warmup_ratio: 0.1, lr_scheduler_type: 'constant' },
      { schedule: 'constant', warmupSteps: 0, warmupFraction: 0 },
    ],
    [{ lr_scheduler_type: 'cosine_with_restarts' }, { schedule: 'cosine_with_restarts' }],
    [{ use_rslora: 'true' }, { loraRankStabilised: true }],
    [{ neftune_noise_alpha: 5 }, { neftuneAlpha: 5 }],
    [
      { early_stopping_patience: 2, early_stopping_threshold: 0.1 },
      { earlyStoppingPatience: 2, earlyStoppingMinDelta: 0.1 },
    ],
    [{ optim: 'paged_adamw_8bit' }, { optimizer: 'adamw' }],
    [{ optim: 'sgd' }, { optimizer: 'sgd' }],
    [{ optim: 'adamw_torch' }, { optimizer: 'adamw' }],
    [{ optim: 'adamw_hf' }, { optimizer: 'adamw' }],
  ])('%j means %j', (given, expected) => {
    expect(read(given as Record<string, string | number>).settings.hyperParameters).toMatchObject(expected);
  });

  it.each<[Record<string, string | number>, string | RegExp]>([
    [{ optim: 'galore_adamw' }, /^parameters\.optim: .*"adamw_hf"\|"adamw_torch"/],
    [{ num_train_epochs: '3' }, /^parameters\.num_train_epochs: /],
    [{ num_train_epochs: 0 }, /^parameters\.num_train_epochs: /],
    [{ learning_rate: -1 }, /^parameters\.learning_rate: /],
    [
      { lora_target_modules: 'q,w' },
      /^parameters\.lora_target_modules: must be a comma-separated list of q, k, v, o, gate, up, down, output$/,
    ],
    [{ max_seq_length: 513 }, 'parameters.max_seq_length: the model holds 512 tokens'],
    [{ method: 'full', lora_rank: 8 }, 'parameters.lora_rank: applies only to method lora, qlora, dora'],
    [{ method: 'dora', quantization: 'int4' }, 'parameters.quantization: applies only to method lora, qlora'],
    [{ epochs: 3, steps: 4, seed: 1 }, 'Unknown parameters: epochs, steps'],
    [{ constructor: 1, toString: 2 }, 'Unknown parameters: constructor, toString'],
  ])('%j is refused, and the message says why', (given, reason) => {
    expect(reasonOf(given)).toMatch(reason);
  });

  it.each([
    [{}, 1e6, 'lora', 'none'],
    [{}, 7e9, 'qlora', 'q4_k'],
    [{ quantization: 'fp16' }, 7e9, 'lora', 'none'],
    [{ quantization: 'int8' }, 1e6, 'qlora', 'q8_0'],
    [{ quantization: 'int4', method: 'qlora' }, 1e6, 'qlora', 'q4_k'],
    [{ method: 'qlora' }, 1e6, 'qlora', 'q4_k'],
    [{ method: 'qlora', quantization: 'fp16' }, 1e6, 'qlora', 'none'],
    [{ method: 'dora' }, 7e9, 'dora', undefined],
    [{ method: 'full' }, 7e9, 'full', undefined],
  ] as const)('%j of a model of %d parameters mean %s in %s', (given, count, method, quantization) => {
    const found = readParameters(given, { ...model, parameters: count });
    expect(found.method).toBe(method);
    expect(found.settings.hyperParameters?.quantization).toBe(quantization);
  });

  it('of a method do not appear with another', () => {
    expect(Object.keys(read({ method: 'full' }).effective).filter((name) => name.startsWith('lora'))).toEqual([]);
  });

  it('that are accepted are ones that the tuner accepts', () => {
    const names = fc.constantFrom(...Object.keys(parameters));
    const values = fc.oneof(
      fc.integer({ min: -2, max: 300 }),
      fc.integer(),
      fc.double({ min: 0, max: 1 }),
      fc.double(),
      fc.constantFrom('full', 'lora', 'qlora', 'dora', 'int4', 'true', 'cosine', 'adafactor', 'q,o', ''),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.dictionary(names, values, { maxKeys: 3 }), (given) => {
        const reason = reasonOf(given);
        if (reason !== 'accepted') {
          expect(reason).toMatch(/^parameters\.\w+: /);
          return;
        }
        accepted++;
        const { settings } = read(given);
        expect(hyperParametersSchema.safeParse(settings.hyperParameters).success).toBe(true);
        expect(trainingSettingsSchema.safeParse(settings).success).toBe(true);
      }),
      { numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(50);
  });
});
