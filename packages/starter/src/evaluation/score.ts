import type { Task } from './tasks.ts';

export type Answered = { task: Task; answer: string };
export type SkillScore = { skill: string; tasks: number; exact: number; miss: Answered | undefined };

/** Equal but for white space at the ends; code to be filled in must agree even there, line breaks at the end excepted. */
export function isExact({ task, answer }: Answered): boolean {
  return task.input.kind === 'fim'
    ? answer.trimEnd() === task.expected.trimEnd()
    : answer.trim() === task.expected.trim();
}

/** Exact matches per skill, in order of appearance, with one miss each to show. */
export function scoreBySkill(answered: readonly Answered[]): SkillScore[] {
  return [...Map.groupBy(answered, ({ task }) => task.skill)].map(([skill, own]) => ({
    skill,
    tasks: own.length,
    exact: own.filter(isExact).length,
    miss: own.find((one) => !isExact(one)),
  }));
}
