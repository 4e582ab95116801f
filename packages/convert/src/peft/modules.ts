/** Which module of the Hugging Face class each tensor of a GGUF file is the weight of. */
import { familyOfArchitecture } from '../families/families.ts';
import type { Family } from '../families/family.ts';
import { shapeOfGguf } from '../families/gguf-shape.ts';
import { type GgufFile, MetadataReader } from '@atelier/llama/gguf';
import path from 'node:path';

export interface Module {
  /** In the GGUF file. */
  tensor: string;
  /** As PEFT names it, below `base_model.model.`. */
  name: string;
  inputs: number;
  outputs: number;
  /** Rows of one head where the two formats order them differently. */
  headSize: number | undefined;
}

export interface Modules {
  architecture: string;
  family: Family;
  byTensor: Map<string, Module>;
  byName: Map<string, Module>;
  /** The class stores its products as inputs by outputs (PEFT's `fan_in_fan_out`). */
  turned: boolean;
}

export function modulesOf(basePath: string, base: GgufFile): Modules {
  const architecture = new MetadataReader(base.metadata, basePath).requireString('general.architecture');
  const family = familyOfArchitecture(path.basename(basePath), architecture);
  const shape = shapeOfGguf(basePath, base);
  const modules = family.tensors(shape).flatMap((rule): Module[] => {
    if (rule.shape.length !== 2 || !rule.source.endsWith('.weight')) return [];
    const [first = 0, second = 0] = rule.shape;
    const [outputs, inputs] = rule.change?.kind === 'transpose' ? [second, first] : [first, second];
    const headSize = rule.change?.kind === 'interleave' ? outputs / rule.change.heads : undefined;
    const source = rule.source.replace(/\.weight$/, '');
    // The head stands beside the model, not in it.
    const name = source === 'lm_head' ? source : family.modulePrefix + source;
    return [{ tensor: rule.name, name, inputs, outputs, headSize }];
  });
  return {
    architecture,
    family,
    byTensor: new Map(modules.map((module) => [module.tensor, module])),
    byName: new Map(modules.map((module) => [family.normalise(module.name), module])),
    turned: family.architecture === 'gpt2',
  };
}
