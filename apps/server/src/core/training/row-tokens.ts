import { type DatasetRecord, readRecords } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { TrainingTask } from './settings.ts';
import { type TokenCount, tokenCounter } from './token-count.ts';

/** What stands for all: the first rows, up to so many or so much text. */
const SAMPLE_ROWS = 5000;
const SAMPLE_CHARACTERS = 500_000;
/** A longer text is counted by its beginning. */
const LONGEST_TEXT = 50_000;
/** What a chat template prints around a message besides its role: two special tokens and a line feed. */
const TOKENS_PER_MESSAGE = 3;

const trainable: Readonly<Record<TrainingTask, readonly DatasetRecord['kind'][]>> = {
  generation: ['completion', 'conversation', 'text', 'fim'],
  classification: ['labelled'],
  regression: ['labelled'],
  embedding: ['pair'],
  reward: ['preference'],
  preference: ['preference', 'rating'],
};

/**
 * About how many tokens a row of `file` has on average for the model in `modelFile`; `chat`: through its chat template.
 * @throws AtelierError `unsupported_task` for records that the task does not learn from, `invalid_request` for records that this
 *   model cannot be trained on, or none
 */
export async function averageRowTokens(
  file: string,
  modelFile: string,
  { chat, task = 'generation' }: { chat: boolean; task?: TrainingTask },
): Promise<number> {
  const count = await tokenCounter(modelFile);
  let [rows, tokens, characters] = [0, 0, 0];
  for await (const record of readRecords(file)) {
    checkTrainable(record, { chat, task });
    const messages = messagesOf(record);
    characters += messages.reduce((sum, { content }) => sum + content.length, 0);
    tokens += messages.reduce((sum, message) => sum + messageTokens(message, count, chat), 0);
    rows++;
    if (rows === SAMPLE_ROWS || characters > SAMPLE_CHARACTERS) break;
  }
  if (rows === 0) throw new AtelierError('invalid_request', { reason: 'There are no records to train on' });
  return tokens / rows;
}

function checkTrainable(record: DatasetRecord, { chat, task }: { chat: boolean; task: TrainingTask }): void {
  const { kind } = record;
  if (!trainable[task].includes(kind))
    throw new AtelierError('unsupported_task', {
      task: `${task} with records of kind ${kind}`,
      supported: trainable[task].join(', '),
    });
  if ((kind === 'conversation' || (kind === 'labelled' && 'messages' in record)) && !chat) {
    const reason = 'The base model has no chat template, so it cannot be trained on conversations';
    throw new AtelierError('invalid_request', { reason });
  }
}

type Message = { role?: string; content: string };

function messagesOf(record: DatasetRecord): Message[] {
  switch (record.kind) {
    case 'conversation':
      return record.messages;
    case 'completion':
      return [
        { role: 'user', content: record.prompt },
        { role: 'assistant', content: record.completion },
      ];
    case 'text':
      return [{ content: record.text }];
    case 'fim':
      return [record.prefix, record.middle, record.suffix].map((content) => ({ content }));
    case 'labelled':
      return 'text' in record ? [{ content: record.text }] : record.messages;
    case 'pair':
      return [record.first, record.second].map((content) => ({ content }));
    case 'preference':
      return [...record.messages, ...record.messages, ...answers(record.chosen, record.rejected)];
    case 'rating':
      return [...record.messages, ...answers(record.answer)];
  }
}

const answers = (...texts: string[]): Message[] => texts.map((content) => ({ role: 'assistant', content }));

function messageTokens({ role, content }: Message, count: TokenCount, chat: boolean): number {
  const counted = content.slice(0, LONGEST_TEXT);
  const tokens = counted === '' ? 0 : (count(counted) * content.length) / counted.length;
  return tokens + (chat && role !== undefined ? count(`${role}\n`) + TOKENS_PER_MESSAGE : 1);
}
