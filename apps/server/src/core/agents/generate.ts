import type { Generate, Settings } from '@atelier/agents';
import type { GenerateRequest } from '@atelier/engine';
import type { Identity } from '../access/access.ts';
import type { Inference } from '../inference/inference.ts';

/** What agents answer with where they say nothing. */
export const defaultTemperature = 0.3;
/** Seeds of the engine have 32 bits. */
const seeds = 0xffff_ffff;

/** Lets the models of a workspace generate the texts of a turn. */
export function generateFor(inference: Inference, identity: Identity): Generate {
  return (request, signal) => {
    const { model, messages, tools, toolChoice, parallelToolCalls, settings } = request;
    return inference.generateWith(
      identity,
      model,
      {
        input: { kind: 'chat', messages, ...(tools.length > 0 && { tools }) },
        reasoning: 'apart',
        ...generationOf(settings),
        // A choice that needs tools where there are none is the engine's to refuse.
        ...((tools.length > 0 || toolChoice === 'any' || toolChoice === 'required') && {
          toolChoice,
          parallelToolCalls,
        }),
      },
      signal,
    );
  };
}

function generationOf(settings: Settings): Partial<GenerateRequest> {
  const { maxTokens, stop, temperature = defaultTemperature, topP = 1, seed, responseFormat } = settings;
  return {
    ...(maxTokens && { maxTokens }),
    ...(stop && { stop }),
    ...(responseFormat && { responseFormat: formatOf(responseFormat) }),
    sampling: {
      temperature,
      // Nothing but the likeliest token is in a share of 0.
      ...(topP === 0 ? { topK: 1 } : { topP }),
      ...(seed !== undefined && { seed: seed % seeds }),
      ...(settings.presencePenalty !== undefined && { presencePenalty: settings.presencePenalty }),
      ...(settings.frequencyPenalty !== undefined && { frequencyPenalty: settings.frequencyPenalty }),
    },
  };
}

function formatOf(format: NonNullable<Settings['responseFormat']>): NonNullable<GenerateRequest['responseFormat']> {
  return format.type === 'json_schema' ? { type: format.type, schema: format.schema } : { type: format.type };
}
