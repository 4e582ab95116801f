import { type ParameterMeanings, parameterValue } from './parameter-values.ts';
import { parameterMarks, type Part, type ToolFormat } from './tool-format.ts';

export type Piece =
  | { type: 'text'; text: string }
  /** A call begins. */
  | { type: 'call'; index: number; name: string }
  /** More of the JSON text of its arguments. */
  | { type: 'arguments'; index: number; text: string };

/**
 * Finds calls of tools in a text that arrives in pieces, and passes on their arguments as they come. What could be the
 * beginning of a call waits; what turns out to be none is text. White space around calls belongs to neither. The result
 * does not depend on where the pieces are cut.
 */
export class CallParser {
  readonly #format: ToolFormat;
  readonly #meanings: ParameterMeanings;
  /** Beginning of the first call. */
  readonly #mark: string;
  #mode: 'start' | 'text' | 'call' | 'between' | 'plain';
  /** What came but is not settled: what may begin a call, or comes after one. */
  #held = '';
  /** What is left of a call. */
  #parts: Part[] = [];
  /** Characters that came of the first of these parts. */
  #matched = 0;
  /** What came of a call before its arguments, and how much of that its mark is, with the space before it. */
  #raw = '';
  #marked = 0;
  #name = '';
  /** Whether the arguments have begun. */
  #certain = false;
  readonly #json = new JsonEnd();
  #calls = 0;
  #pieces: Piece[] = [];

  /** `meanings` are for formats with an element for each argument. */
  constructor(format: ToolFormat, meanings: ParameterMeanings = new Map()) {
    this.#format = format;
    this.#meanings = meanings;
    this.#mark = [...format.open, ...format.call][0] as string;
    this.#mode = this.#marks ? 'text' : 'start';
  }

  /** Calls that have come so far, the last one perhaps in part. */
  get calls(): number {
    return this.#calls;
  }

  push(text: string): Piece[] {
    this.#held += text;
    this.#pieces = [];
    for (let going = true; going && this.#held !== '';) going = this.#step();
    return this.#pieces;
  }

  /** What is still held back, when nothing follows. A marked call that ends before its arguments begin is dropped. */
  end(): Piece[] {
    this.#pieces = [];
    if (this.#mode !== 'call') this.#text(this.#mode === 'between' ? this.#held.trim() : this.#held);
    else if (!this.#certain && !this.#marks) this.#text(this.#raw);
    this.#held = '';
    this.#raw = '';
    return this.#pieces;
  }

  get #marks(): boolean {
    return this.#format.lead === undefined;
  }

  /** False when more text is needed to go on. */
  #step(): boolean {
    switch (this.#mode) {
      case 'plain':
        this.#text(this.#take(this.#held.length));
        return false;
      case 'start':
        return this.#start();
      case 'text':
        return this.#search();
      case 'call':
        return this.#read(this.#parts[0]!, this.#held[0]!);
      case 'between':
        return this.#follow();
    }
  }

  /** A format without marks: the text is a call or none from its first character on. */
  #start(): boolean {
    const { lead = '', call } = this.#format;
    const text = this.#held.trimStart();
    const space = this.#held.length - text.length;
    if (text.startsWith(lead)) {
      this.#take(space + lead.length);
      this.#begin(call, '');
    } else if (text.startsWith(this.#mark)) this.#begin(call, this.#take(space));
    else if (lead.startsWith(text)) return false;
    else this.#mode = 'plain';
    return true;
  }

  #search(): boolean {
    const at = this.#held.indexOf(this.#mark);
    if (at >= 0) {
      const before = this.#held.slice(0, at).trimEnd();
      this.#text(this.#take(before.length));
      this.#begin([...this.#format.open, ...this.#format.call], this.#take(at - before.length));
      return true;
    }
    let possible = Math.min(this.#mark.length - 1, this.#held.length);
    while (!this.#mark.startsWith(this.#held.slice(this.#held.length - possible))) possible--;
    this.#text(this.#take(this.#held.slice(0, this.#held.length - possible).trimEnd().length));
    return false;
  }

  #begin(parts: readonly Part[], raw: string): void {
    this.#mode = 'call';
    this.#parts = [...parts];
    this.#matched = 0;
    this.#raw = raw;
    this.#marked = raw.length + (parts[0] as string).length;
    this.#name = '';
    this.#certain = false;
  }

  /** Takes what belongs to the first part that is left of a call. */
  #read(part: Part, char: string): boolean {
    if (typeof part === 'string') {
      if (char !== part[this.#matched]) return this.#noCall();
      this.#raw += this.#take(1);
      if (++this.#matched === part.length) this.#next();
    } else if (part.is === 'arguments') return this.#arguments(char);
    else if (part.is === 'parameters') return this.#parameters();
    else if (part.is === 'space' ? !/\s/.test(char) : char === (this.#parts[1] as string)[0]) this.#next();
    else {
      if (part.is === 'name') this.#name += char;
      this.#raw += this.#take(1);
    }
    return true;
  }

  #arguments(first: string): boolean {
    if (!this.#json.open) {
      if (first !== '{' || this.#name === '') return this.#noCall();
      this.#certain = true;
      this.#pieces.push({ type: 'call', index: this.#calls++, name: this.#name });
    }
    const end = this.#json.find(this.#held);
    this.#pieces.push({ type: 'arguments', index: this.#calls - 1, text: this.#take(end ?? this.#held.length) });
    this.#raw = '';
    if (end !== undefined) this.#next();
    return true;
  }

  /** Takes what elements are complete; an argument is passed on as a whole. */
  #parameters(): boolean {
    if (this.#name === '') return this.#noCall();
    const space = /^\s*/.exec(this.#held)![0].length;
    const rest = this.#held.slice(space);
    const [open, named, close] = parameterMarks;
    const end = this.#parts[1] as string;
    if (rest.startsWith(end)) {
      this.#take(space);
      this.#argument(this.#certain ? '}' : '{}');
      this.#next();
      return true;
    }
    if (!rest.startsWith(open)) return open.startsWith(rest) || end.startsWith(rest) ? false : this.#brokenOff(space);
    const nameEnd = rest.indexOf(named);
    const valueEnd = nameEnd < 0 ? -1 : rest.indexOf(close, nameEnd);
    if (valueEnd < 0) return false;
    const name = rest.slice(open.length, nameEnd);
    // A line break on each side belongs to the form.
    const written = rest
      .slice(nameEnd + named.length, valueEnd)
      .replace(/^\n/, '')
      .replace(/\n$/, '');
    const value = parameterValue(written, this.#meanings.get(this.#name)?.get(name));
    this.#argument(`${this.#certain ? ', ' : '{'}${JSON.stringify(name)}: ${value}`);
    this.#take(space + valueEnd + close.length);
    return true;
  }

  /** Some of the text of the arguments; the first of them makes it a call. */
  #argument(text: string): void {
    if (!this.#certain) this.#pieces.push({ type: 'call', index: this.#calls++, name: this.#name });
    this.#certain = true;
    this.#raw = '';
    this.#pieces.push({ type: 'arguments', index: this.#calls - 1, text });
  }

  /** Something else among the elements: the call ends here, or there was none. */
  #brokenOff(space: number): boolean {
    if (this.#certain) {
      this.#take(space);
      this.#argument('}');
    }
    return this.#noCall();
  }

  #next(): void {
    this.#parts.shift();
    this.#matched = 0;
    // The call is complete, which matters when nothing follows.
    if (this.#parts.length === 0) this.#mode = 'between';
  }

  /** It is text after all; without its mark, it may hold the beginning of another one. */
  #noCall(): boolean {
    this.#held = this.#raw + this.#held;
    this.#raw = '';
    this.#mode = this.#marks ? 'text' : 'plain';
    if (this.#marks && !this.#certain) this.#text(this.#take(this.#marked));
    return true;
  }

  #follow(): boolean {
    const { between, call, close } = this.#format;
    const next = matchPrefix([...between, call[0]!], this.#held);
    const last = close.length > 0 ? matchPrefix(close, this.#held) : false;
    if (typeof next === 'number') {
      this.#take(next - (call[0] as string).length);
      this.#begin(call, '');
      return true;
    }
    if (next === 'more' || last === 'more') return false;
    this.#held = this.#held.slice(typeof last === 'number' ? last : 0).trimStart();
    this.#mode = this.#marks ? 'text' : 'plain';
    return true;
  }

  #take(count: number): string {
    const taken = this.#held.slice(0, count);
    this.#held = this.#held.slice(count);
    return taken;
  }

  #text(text: string): void {
    if (text !== '') this.#pieces.push({ type: 'text', text });
  }
}

/** How much of a text is these parts; `more` where it could become so. */
function matchPrefix(parts: readonly Part[], text: string): number | 'more' | false {
  let at = 0;
  for (const part of parts) {
    if (typeof part !== 'string') {
      while (/\s/.test(text[at] ?? '')) at++;
      continue;
    }
    const here = text.slice(at, at + part.length);
    if (here.length < part.length) return part.startsWith(here) ? 'more' : false;
    if (here !== part) return false;
    at += part.length;
  }
  return at;
}

/** Finds the end of a JSON object in text that arrives in pieces. */
class JsonEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;

  get open(): boolean {
    return this.#depth > 0;
  }

  /** Characters up to the end of the object; undefined when it does not end here. */
  find(text: string): number | undefined {
    for (let at = 0; at < text.length; at++) {
      const char = text[at]!;
      if (this.#escaped) this.#escaped = false;
      else if (this.#inString) {
        if (char === '\\') this.#escaped = true;
        else if (char === '"') this.#inString = false;
      } else if (char === '"') this.#inString = true;
      else if (char === '{' || char === '[') this.#depth++;
      else if ((char === '}' || char === ']') && --this.#depth === 0) return at + 1;
    }
    return undefined;
  }
}
