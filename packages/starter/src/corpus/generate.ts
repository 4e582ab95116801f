/** Draws records skill by skill so that each takes its share of the corpus's text. */
import { Random } from './random.ts';
import type { ConversationRecord, CorpusRecord, Skill, Split, TextRecord } from './skill.ts';
import { skills } from './skills.ts';

/** Bytes of text that one token stands for in this corpus; measured, and only used to turn a token budget into bytes. */
const bytesPerToken = 3.1;
/** Tokens of the chat template around one message. */
const tokensPerMessage = 4;

/** Share of the trained conversations that are told as plain text, so that questions are learnt and not only answers. */
const transcriptShare = 0.25;

/** A conversation as a plain text of what was said. */
function transcript(record: ConversationRecord): TextRecord {
  const speakers = { system: '', user: 'Q: ', assistant: 'A: ', tool: 'Result: ' };
  return { kind: 'text', text: record.messages.map(({ role, content }) => speakers[role] + content).join('\n') };
}

/** About how many tokens a record takes with the starter tokenizer and chat template. */
export function estimateTokens(record: CorpusRecord): number {
  if (record.kind === 'text') return record.text.length / bytesPerToken;
  if (record.kind === 'fim')
    return (record.prefix.length + record.middle.length + record.suffix.length) / bytesPerToken + tokensPerMessage;
  let tokens = record.tools ? 40 + 25 * record.tools.length : 0;
  for (const message of record.messages) tokens += message.content.length / bytesPerToken + tokensPerMessage;
  return tokens;
}

/** Records of about `tokens` tokens in all; the same seed, split and budget give the same records. */
export function* generateCorpus(options: {
  seed: number;
  tokens: number;
  split: Split;
  skills?: readonly Skill[];
}): Generator<{ skill: string; record: CorpusRecord }> {
  const chosen = options.skills ?? skills;
  const random = new Random(options.seed ^ (options.split === 'heldOut' ? 0x5bd1e995 : 0));
  const spent = new Map(chosen.map((skill) => [skill, 0]));
  for (let total = 0; total < options.tokens;) {
    const skill = chosen.reduce((a, b) => (spent.get(a)! / a.share <= spent.get(b)! / b.share ? a : b));
    const made = skill.make(random, options.split);
    const told =
      options.split === 'train' &&
      made.kind === 'conversation' &&
      made.tools === undefined &&
      random.chance(transcriptShare);
    const record = told ? transcript(made) : made;
    const tokens = estimateTokens(record);
    spent.set(skill, spent.get(skill)! + tokens);
    total += tokens;
    yield { skill: skill.name, record };
  }
}
