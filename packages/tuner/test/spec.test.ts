import { isAtelierError } from '@atelier/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runSpecSchema, taskSettingsSchema } from '../src/contract/index.ts';
import { parseSpec } from '../src/run/spec-file.ts';

const whole = runSpecSchema.parse({
  version: 1,
  task: 'generation',
  method: 'lora',
  baseModel: 'model.gguf',
  train: ['train.jsonl'],
});

const refusal = (text: string): string | undefined => {
  try {
    parseSpec(text);
    return undefined;
  } catch (error) {
    if (!isAtelierError(error) || error.code !== 'invalid_request') throw error;
    return error.message;
  }
};

describe('spec.json', () => {
  it('is refused by an error of the catalogue, whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(refusal(text)).toContain('spec.json: ');
      }),
    );
  });

  it('names the field that is wrong', () => {
    const fields = [
      ...Object.keys(whole),
      ...Object.keys(whole.hyperParameters).map((name) => `hyperParameters.${name}`),
      ...Object.keys(taskSettingsSchema.shape).map((name) => `taskSettings.${name}`),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.jsonValue(), (field, value) => {
        const spec = structuredClone(whole) as Record<string, unknown>;
        const [first, second] = field.split('.') as [string, string?];
        if (second) (spec[first] as Record<string, unknown>)[second] = value;
        else spec[first] = value;
        const said = refusal(JSON.stringify(spec));
        if (said !== undefined) expect(said).toContain(`spec.json: ${first}`);
        if (said !== undefined && second) expect(said).toContain(field);
      }),
      { numRuns: 1000 },
    );
  });

  it('has no fields but its own', () => {
    expect(refusal(JSON.stringify({ ...whole, colour: 1 }))).toContain('colour');
    expect(refusal(JSON.stringify({ ...whole, hyperParameters: { rank: 1 } }))).toContain('hyperParameters');
  });

  it('learns something: targets that all weigh nothing are refused', () => {
    const targets = (...weights: number[]) => weights.map((weight, at) => ({ name: `target ${at}`, weight }));
    const said = (...weights: number[]) =>
      refusal(JSON.stringify({ ...whole, task: 'regression', taskSettings: { targets: targets(...weights) } }));
    expect(said(0, 0)).toContain('taskSettings.targets: at least one needs a weight above 0');
    expect(said(0, 1)).toBeUndefined();
  });
});
