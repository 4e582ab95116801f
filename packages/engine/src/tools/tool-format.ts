/**
 * How families of models write calls of tools. A format is a sequence of parts, from which both the grammar of calls and
 * their parser are made.
 */

/**
 * `space` is white space or nothing, `name` the tool's name, `id` nine letters and digits, `arguments` a JSON object,
 * `parameters` an element for each argument.
 */
export type Part = string | { readonly is: 'space' | 'name' | 'id' | 'arguments' | 'parameters' };

export type ToolFormat = {
  readonly name: string;
  /** What comes before the first call, of each call, between two, and after the last. */
  readonly open: readonly Part[];
  readonly call: readonly Part[];
  readonly between: readonly Part[];
  readonly close: readonly Part[];
  /** Of formats whose calls have no mark: a text that may stand before the first. They are calls where the text begins with them. */
  readonly lead?: string;
  /** Whether models with this chat template write calls like this. */
  readonly isOf: (template: string) => boolean;
};

const space = { is: 'space' } as const;
const name = { is: 'name' } as const;
const id = { is: 'id' } as const;
const args = { is: 'arguments' } as const;

/** {"name": ..., "arguments": ...} */
function jsonCall(argumentsKey: string): Part[] {
  const member = (key: string, value: readonly Part[]): Part[] => [`"${key}"`, space, ':', space, ...value];
  return [
    '{',
    space,
    ...member('name', ['"', name, '"']),
    space,
    ',',
    space,
    ...member(argumentsKey, [args]),
    space,
    '}',
  ];
}

/** Hermes, Qwen 2.5 and 3, the starter and many more; a form that other models can be told about, too. */
const hermes: ToolFormat = {
  name: 'hermes',
  open: [],
  call: ['<tool_call>', space, ...jsonCall('arguments'), space, '</tool_call>'],
  between: [space],
  close: [],
  isOf: () => true,
};

/** Around each argument, its name between the first two; a line break follows the second and stands before and after the third. */
export const parameterMarks = ['<parameter=', '>', '</parameter>'] as const;

/** In order of precedence; the last one is for all. */
export const toolFormats: readonly ToolFormat[] = [
  {
    // Mistral Small 3.2
    name: 'mistral-ids',
    open: [],
    call: ['[TOOL_CALLS]', name, '[CALL_ID]', id, '[ARGS]', args],
    between: [],
    close: [],
    isOf: (template) => template.includes('[CALL_ID]'),
  },
  {
    // Devstral, Ministral 3 and later ones
    name: 'mistral-arguments',
    open: [],
    call: ['[TOOL_CALLS]', name, '[ARGS]', args],
    between: [],
    close: [],
    isOf: (template) => template.includes('[TOOL_CALLS]') && template.includes('[ARGS]'),
  },
  {
    // Mistral 7B v0.3, Nemo
    name: 'mistral',
    open: ['[TOOL_CALLS]', space, '[', space],
    call: jsonCall('arguments'),
    between: [space, ',', space],
    close: [space, ']'],
    isOf: (template) => template.includes('[TOOL_CALLS]'),
  },
  {
    name: 'llama3',
    open: [],
    call: jsonCall('parameters'),
    between: [space, ';', space],
    close: [],
    lead: '<|python_tag|>',
    isOf: (template) => template.includes('<|start_header_id|>') && template.includes('"parameters":'),
  },
  {
    // Qwen3-Coder, Qwen 3.5, Nemotron 3, StepFun
    name: 'qwen3-coder',
    open: [],
    call: ['<tool_call>', space, '<function=', name, '>', { is: 'parameters' }, '</function>', space, '</tool_call>'],
    between: [space],
    close: [],
    isOf: (template) => ['<tool_call>', '<function=', '<parameter='].every((mark) => template.includes(mark)),
  },
  hermes,
];

/** The format of a model's calls, by its chat template. */
export function toolFormatOf(template: string): ToolFormat {
  return toolFormats.find(({ isOf }) => isOf(template)) ?? hermes;
}

/** Whether arguments are elements and not JSON. */
export function hasParameters({ call }: ToolFormat): boolean {
  return call.some((part) => typeof part !== 'string' && part.is === 'parameters');
}

/** Texts of special tokens that a call may be made of. */
export function visibleTokensOf({ open, call, close, lead }: ToolFormat): string[] {
  const texts = [lead, ...open, ...call, ...close].filter((part) => typeof part === 'string');
  return texts.filter((text) => /^[<[].*[>\]]$/.test(text));
}
