/** A generation as the events of a response, the last of which holds all of it. */
import type { GenerateEvent } from '@atelier/engine';
import type { AtelierError } from '@atelier/errors';
import type { OutputItem, ResponseEvent, ResponseRequest, WireResponse } from '../schemas/responses.ts';
import { newItemId } from './response-input.ts';
import { wireLogprob } from './usage.ts';

/** An event before it has its number. */
type Told = ResponseEvent extends infer Each
  ? Each extends ResponseEvent
    ? Omit<Each, 'sequence_number'>
    : never
  : never;
type Finish = Extract<GenerateEvent, { type: 'finish' }>;

export function newResponse(body: ResponseRequest): WireResponse {
  return {
    id: newItemId('resp'),
    object: 'response',
    created_at: now(),
    completed_at: null,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    model: body.model,
    instructions: body.instructions ?? null,
    previous_response_id: body.previous_response_id ?? null,
    output: [],
    max_output_tokens: body.max_output_tokens ?? null,
    temperature: body.temperature ?? 1,
    top_p: body.top_p ?? 1,
    top_logprobs: body.top_logprobs ?? 0,
    text: { format: body.text?.format ?? { type: 'text' } },
    tools: body.tools ?? [],
    tool_choice: body.tool_choice ?? 'auto',
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    truncation: 'disabled',
    store: body.store ?? true,
    background: false,
    metadata: body.metadata ?? {},
    ...(body.user && { user: body.user }),
    usage: null,
  };
}

const now = (): number => Math.floor(Date.now() / 1000);

/** Tells what happens to `response`, which it fills. Every event holds a copy of what there was by then. */
export class ResponseTeller {
  readonly response: WireResponse;
  #sequence = 0;
  /** Of tokens whose text has not come yet: a call may begin like it, or a character is not whole. */
  #untold: ReturnType<typeof wireLogprob>[] = [];

  constructor(response: WireResponse) {
    this.response = response;
  }

  *begin(): Iterable<ResponseEvent> {
    yield this.#tell({ type: 'response.created', response: this.response });
    yield this.#tell({ type: 'response.in_progress', response: this.response });
  }

  *take(event: GenerateEvent): Iterable<ResponseEvent> {
    switch (event.type) {
      case 'text':
        this.#untold.push(...(event.logprobs ?? []).map(wireLogprob));
        if (event.text !== '') yield* this.#text(event.text);
        break;
      case 'reasoning':
        if (event.text !== '') yield* this.#reasoning(event.text);
        break;
      case 'tool_call':
        yield* this.#call(event);
        break;
      case 'finish':
        yield* this.#finish(event);
        break;
    }
  }

  /** After `take` of the finish. */
  end(): ResponseEvent {
    const type = this.response.status === 'incomplete' ? 'response.incomplete' : 'response.completed';
    return this.#tell({ type, response: this.response });
  }

  fail({ code, message }: AtelierError): ResponseEvent {
    this.response.status = 'failed';
    this.response.error = { code: code === 'too_many_requests' ? 'rate_limit_exceeded' : 'server_error', message };
    return this.#tell({ type: 'response.failed', response: this.response });
  }

  *#text(delta: string): Iterable<ResponseEvent> {
    const logprobs = this.#untold.splice(0);
    let item = this.#open();
    if (item?.type !== 'message') {
      yield* this.#close('completed');
      item = { id: newItemId('msg'), type: 'message', role: 'assistant', status: 'in_progress', content: [] };
      yield this.#add(item);
      item.content.push({ type: 'output_text', text: '', annotations: [], logprobs: [] });
      yield this.#tell({ type: 'response.content_part.added', ...this.#part(item), part: item.content[0]! });
    }
    const [part] = item.content;
    part!.text += delta;
    part!.logprobs.push(...logprobs);
    if (delta !== '') yield this.#tell({ type: 'response.output_text.delta', ...this.#part(item), delta, logprobs });
  }

  *#reasoning(delta: string): Iterable<ResponseEvent> {
    let item = this.#open();
    if (item?.type !== 'reasoning') {
      yield* this.#close('completed');
      item = { id: newItemId('rs'), type: 'reasoning', summary: [], content: [], status: 'in_progress' };
      yield this.#add(item);
      item.content.push({ type: 'reasoning_text', text: '' });
      yield this.#tell({ type: 'response.content_part.added', ...this.#part(item), part: item.content[0]! });
    }
    item.content[0]!.text += delta;
    yield this.#tell({ type: 'response.reasoning_text.delta', ...this.#part(item), delta });
  }

  *#call(event: Extract<GenerateEvent, { type: 'tool_call' }>): Iterable<ResponseEvent> {
    if ('name' in event) {
      this.#untold = []; // of the call's marks
      yield* this.#close('completed');
      const { id: call_id, name } = event;
      yield this.#add({
        id: newItemId('fc'),
        type: 'function_call',
        call_id,
        name,
        arguments: '',
        status: 'in_progress',
      });
      return;
    }
    const item = this.#open();
    if (item?.type !== 'function_call') return;
    item.arguments += event.arguments;
    const { item_id, output_index } = this.#part(item);
    yield this.#tell({
      type: 'response.function_call_arguments.delta',
      item_id,
      output_index,
      delta: event.arguments,
    });
  }

  *#finish({ reason, usage }: Finish): Iterable<ResponseEvent> {
    const cut = reason === 'length';
    // A model that says nothing has said an empty text.
    if (this.response.output.length === 0) yield* this.#text('');
    yield* this.#close(cut ? 'incomplete' : 'completed');
    Object.assign(this.response, {
      status: cut ? 'incomplete' : 'completed',
      incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
      completed_at: cut ? null : now(),
      usage: {
        input_tokens: usage.promptTokens,
        input_tokens_details: { cached_tokens: usage.cachedTokens },
        output_tokens: usage.completionTokens,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: usage.promptTokens + usage.completionTokens,
      },
    } satisfies Partial<WireResponse>);
  }

  *#close(status: 'completed' | 'incomplete'): Iterable<ResponseEvent> {
    const item = this.#open();
    if (!item) return;
    item.status = status;
    const place = this.#part(item);
    const { item_id, output_index } = place;
    if (item.type === 'function_call') {
      const { name, arguments: given } = item;
      yield this.#tell({
        type: 'response.function_call_arguments.done',
        item_id,
        output_index,
        name,
        arguments: given,
      });
    } else {
      const part = item.content[0]!;
      yield part.type === 'output_text'
        ? this.#tell({ type: 'response.output_text.done', ...place, text: part.text, logprobs: part.logprobs })
        : this.#tell({ type: 'response.reasoning_text.done', ...place, text: part.text });
      yield this.#tell({ type: 'response.content_part.done', ...place, part });
    }
    yield this.#tell({ type: 'response.output_item.done', output_index, item });
  }

  #open(): OutputItem | undefined {
    const last = this.response.output.at(-1);
    return last?.status === 'in_progress' ? last : undefined;
  }

  #add(item: OutputItem): ResponseEvent {
    const output_index = this.response.output.push(item) - 1;
    return this.#tell({ type: 'response.output_item.added', output_index, item });
  }

  #part({ id }: OutputItem) {
    return { item_id: id, output_index: this.response.output.length - 1, content_index: 0 };
  }

  #tell(event: Told): ResponseEvent {
    return structuredClone({ ...event, sequence_number: this.#sequence++ }) as ResponseEvent;
  }
}
