/** Held-out tasks for the report card: drawn by the corpus's generators, with names that no training text has. */
import { Random } from '../corpus/random.ts';
import type { Message, Skill, Tool } from '../corpus/skill.ts';
import { skills } from '../corpus/skills.ts';

export type Task = {
  skill: string;
  input: { kind: 'chat'; messages: Message[]; tools?: Tool[] } | { kind: 'fim'; prefix: string; suffix: string };
  /** What the model should answer, to the letter. */
  expected: string;
};

/** One task of a skill, or undefined where the draw asks nothing (plain text). A conversation ends before one of its answers. */
function drawTask(random: Random, skill: Skill): Task | undefined {
  const record = skill.make(random, 'heldOut');
  if (record.kind === 'text') return undefined;
  if (record.kind === 'fim')
    return {
      skill: 'fill_in_the_middle',
      input: { kind: 'fim', prefix: record.prefix, suffix: record.suffix },
      expected: record.middle,
    };
  const answers = record.messages.flatMap((message, i) => (message.role === 'assistant' ? [i] : []));
  const at = random.pick(answers);
  const input = {
    kind: 'chat' as const,
    messages: record.messages.slice(0, at),
    ...(record.tools ? { tools: record.tools } : {}),
  };
  return { skill: skill.name, input, expected: record.messages[at]!.content };
}

/** `perSkill` tasks of every skill that has right answers; the same seed gives the same tasks. */
export function heldOutTasks(seed: number, perSkill: number): Task[] {
  const bySkill = new Map<string, Task[]>();
  for (const skill of skills.filter(({ name }) => name !== 'prose')) {
    const random = new Random(seed);
    // A skill such as code yields tasks of two kinds, so draw until each kind that turned up is full.
    for (let draws = 0; draws < perSkill * 8; draws++) {
      const task = drawTask(random, skill);
      if (task === undefined) continue;
      const tasks = bySkill.get(task.skill) ?? [];
      bySkill.set(task.skill, tasks);
      if (tasks.length < perSkill) tasks.push(task);
    }
  }
  return [...bySkill.values()].flat();
}
