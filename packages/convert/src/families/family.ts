/** What a model family is to a converter: how its folders are configured, and which of their tensors become which. */
import type { GgufValue } from '@atelier/llama/gguf';

export type Metadata = (readonly [string, GgufValue])[];

/** The sizes that decide a family's tensors, whether read from config.json or from a GGUF file. */
export interface ModelShape {
  layers: number;
  width: number;
  heads: number;
  kvHeads: number;
  headSize: number;
  feedForward: number;
  vocabulary: number;
  context: number;
  /** True when the output head is the token embedding. */
  tied: boolean;
  /** Which of a layer's products have a bias, where the family leaves it open. */
  biases: { qkv: boolean; output: boolean; feedForward: boolean };
  /** Rows of the token type embedding; encoders only. */
  tokenTypes: number;
}

/** What happens to a tensor on its way; all but `plus-one` only move numbers, so that they stay the same to the bit. */
export type Change =
  /** Rows of each of `heads` heads go from halves to adjacent pairs, the order of libllama's RoPE for `llama`. */
  | { kind: 'interleave'; heads: number }
  /** Norms that are stored as the difference from one. */
  | { kind: 'plus-one' }
  /** GPT-2 stores its products as inputs by outputs. */
  | { kind: 'transpose' };

export interface TensorRule {
  /** In the GGUF file. */
  name: string;
  /** In the folder, after `normalise`. */
  source: string;
  /** In the folder, slowest dimension first. */
  shape: readonly number[];
  change?: Change;
}

/** A tensor that the folder does not have, such as RoPE factors of the configuration. */
export interface MadeTensor {
  name: string;
  values: Float32Array;
}

export type TokenizerKind = 'decoder' | 'encoder';

export interface Family {
  /** `general.architecture`. */
  architecture: string;
  /** Names in config.json's `architectures`. */
  classes: readonly string[];
  tokenizer: TokenizerKind;
  /** Reads config.json. Throws `invalid_model_file` for what libllama would compute differently. `file` is for errors. */
  configure(config: unknown, file: string): { shape: ModelShape; metadata: Metadata; made: MadeTensor[] };
  tensors(shape: ModelShape): TensorRule[];
  /** Folders name the same tensor differently, depending on the class that saved them; this is the name in the rules. */
  normalise(name: string): string;
  /** Normalised names of tensors that hold nothing a GGUF file needs. */
  ignored: RegExp;
  /** What normalised names begin with in the class that people tune, which PEFT names modules by. */
  modulePrefix: string;
}
