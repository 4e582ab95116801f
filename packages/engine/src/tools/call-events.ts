import type { GenerateEvent } from '../generate-event.ts';
import { callId } from './call-id.ts';
import { CallParser, type Piece } from './call-parser.ts';
import type { ParameterMeanings } from './parameter-values.ts';
import type { ToolFormat } from './tool-format.ts';

export type CallEventsOptions = {
  format: ToolFormat;
  meanings?: ParameterMeanings;
  /** The ids of the calls follow from it; absent: random ones. */
  seed: number | undefined;
};

type Choice = { parser: CallParser; ids: string[] };

/** Events of a generation with the calls of tools in its texts as events of their own. */
export async function* eventsWithCalls(
  events: AsyncIterable<GenerateEvent>,
  { format, meanings, seed }: CallEventsOptions,
): AsyncGenerator<GenerateEvent, void, void> {
  const choices = new Map<number, Choice>();
  for await (const event of events) {
    const { choice } = event;
    const state = choices.get(choice) ?? { parser: new CallParser(format, meanings), ids: [] };
    choices.set(choice, state);
    const toEvent = (piece: Piece): GenerateEvent => {
      if (piece.type === 'text') return { type: 'text', choice, text: piece.text };
      const { index } = piece;
      const id = (state.ids[index] ??= callId(seed, choice, index));
      return piece.type === 'call'
        ? { type: 'tool_call', choice, index, id, name: piece.name }
        : { type: 'tool_call', choice, index, id, arguments: piece.text };
    };
    if (event.type === 'text') {
      const made = state.parser.push(event.text).map(toEvent);
      // Probabilities belong to the text that comes now, or to none.
      if (event.logprobs) made.unshift({ ...event, text: '' });
      yield* made;
    } else if (event.type === 'finish') {
      yield* state.parser.end().map(toEvent);
      const called = event.reason === 'stop' && event.stop === undefined && state.parser.calls > 0;
      yield called ? { ...event, reason: 'tool_calls' } : event;
    } else yield event;
  }
}
