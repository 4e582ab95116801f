import { AtelierError } from '@atelier/errors';
import { bert } from './bert.ts';
import type { Family } from './family.ts';
import { gemma2, gemma3 } from './gemma.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { phi3 } from './phi3.ts';
import { qwen2, qwen3 } from './qwen.ts';

const families: readonly Family[] = [llama, qwen2, qwen3, gemma2, gemma3, phi3, gpt2, bert];

/** The family of a class in config.json. Throws `unsupported_model`, naming what is supported. */
export function familyOfClass(name: string, architecture: string): Family {
  const supported = families.flatMap(({ classes }) => classes).join(', ');
  const family = families.find(({ classes }) => classes.includes(architecture));
  if (!family) throw new AtelierError('unsupported_model', { name, architecture, supported });
  return family;
}

/** The family of a GGUF file's `general.architecture`. */
export function familyOfArchitecture(name: string, architecture: string): Family {
  const family = families.find((candidate) => candidate.architecture === architecture);
  const supported = families.map((candidate) => candidate.architecture).join(', ');
  if (!family) throw new AtelierError('unsupported_model', { name, architecture, supported });
  return family;
}
