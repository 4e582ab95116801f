/**
 * What a model thinks before it answers. Families mark it by texts of their own, which their chat templates know as well,
 * since they leave earlier thoughts out of a conversation.
 */
export type ReasoningMarks = { readonly start: string; readonly end: string };

const families: readonly ReasoningMarks[] = [
  // Qwen, DeepSeek, GLM, MiniMax, SmolLM and most others
  { start: '<think>', end: '</think>' },
  // Mistral
  { start: '[THINK]', end: '[/THINK]' },
  // gpt-oss: a thought and an answer are two messages
  { start: '<|channel|>analysis<|message|>', end: '<|end|><|start|>assistant<|channel|>final<|message|>' },
  // Seed
  { start: '<seed:think>', end: '</seed:think>' },
  // Cohere
  { start: '<|START_THINKING|>', end: '<|END_THINKING|>' },
  // Kimi
  { start: '◁think▷', end: '◁/think▷' },
  { start: '<reasoning>', end: '</reasoning>' },
];

/** How a model marks its thoughts, by its chat template; undefined for one that does not think. */
export function reasoningMarks(chatTemplate: string | undefined): ReasoningMarks | undefined {
  return families.find(({ start, end }) => chatTemplate?.includes(start) || chatTemplate?.includes(end));
}

export type Parts = { reasoning: string; text: string };

/**
 * Separates a thought at the beginning of a reply from the answer, in text that arrives in pieces. The marks and the white
 * space beside them belong to neither. A mark anywhere else is text.
 */
export class ReasoningSplitter {
  readonly #marks: ReasoningMarks;
  #state: 'start' | 'thought' | 'answer' | 'text';
  #held = '';
  #thought = false;

  /** `open`: the prompt has begun a thought. */
  constructor(marks: ReasoningMarks, open: boolean) {
    this.#marks = marks;
    this.#state = open ? 'thought' : 'start';
  }

  push(piece: string): Parts {
    const parts: Parts = { reasoning: '', text: '' };
    this.#held += piece;
    const { start, end } = this.#marks;
    if (this.#state === 'start') {
      const text = this.#held.trimStart();
      if (text.startsWith(start)) {
        this.#state = 'thought';
        this.#held = text.slice(start.length);
      } else if (start.startsWith(text)) return parts;
      else this.#state = 'text';
    }
    if (this.#state === 'thought') {
      // White space at both ends is left out, so what could be the last of it waits.
      if (!this.#thought) this.#held = this.#held.trimStart();
      const at = this.#held.indexOf(end);
      const safe = at < 0 ? this.#held.length - heldBack(this.#held, end) : at;
      parts.reasoning = this.#held.slice(0, safe).trimEnd();
      if (parts.reasoning !== '') this.#thought = true;
      if (at < 0) {
        this.#held = this.#held.slice(parts.reasoning.length);
        return parts;
      }
      this.#held = this.#held.slice(at + end.length);
      this.#state = 'answer';
    }
    if (this.#state === 'answer') {
      this.#held = this.#held.trimStart();
      if (this.#held === '') return parts;
      this.#state = 'text';
    }
    parts.text = this.#held;
    this.#held = '';
    return parts;
  }

  /** What is still held back, when nothing follows. */
  flush(): Parts {
    const held = this.#held;
    this.#held = '';
    return this.#state === 'thought' ? { reasoning: held.trimEnd(), text: '' } : { reasoning: '', text: held };
  }
}

/** Length of the longest end of `text` that begins `mark`. */
function heldBack(text: string, mark: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
    if (mark.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
