import { arithmetic } from './arithmetic.ts';
import { classification } from './classification.ts';
import { code } from './code.ts';
import { dialogue } from './dialogue.ts';
import { extraction } from './extraction.ts';
import { knowledge } from './knowledge.ts';
import { lists } from './lists.ts';
import { prose } from './prose.ts';
import { reading } from './reading.ts';
import { rewriting } from './rewriting.ts';
import type { Skill } from './skill.ts';
import { toolCalls } from './tool-calls.ts';

/** Every skill of the corpus. */
export const skills: readonly Skill[] = [
  reading,
  knowledge,
  extraction,
  classification,
  arithmetic,
  lists,
  rewriting,
  dialogue,
  toolCalls,
  code,
  prose,
];
