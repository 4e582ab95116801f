/**
 * The starter models' chat template (Jinja): ChatML turns; a system message and the functions on offer share one system
 * turn. Functions are written as signatures, not as JSON schemas, which would fill a small model's context. A conversation's
 * rendering is a prefix of the rendering of the same conversation with more messages.
 */
const parts = [
  `{%- set has_system = messages and messages[0]['role'] == 'system' -%}`,
  `{%- if has_system or tools -%}`,
  `{{- '<|im_start|>system\\n' -}}`,
  `{%- if has_system -%}{{- messages[0]['content'] -}}{%- endif -%}`,
  `{%- if tools -%}`,
  `{%- if has_system -%}{{- '\\n' -}}{%- endif -%}`,
  `{{- 'Functions:\\n' -}}`,
  `{%- for tool in tools -%}`,
  `{%- set function = tool['function'] if tool['function'] else tool -%}`,
  `{{- function['name'] + '(' -}}`,
  `{%- if function['parameters'] and function['parameters']['properties'] -%}`,
  `{%- for key, schema in function['parameters']['properties'].items() -%}`,
  `{{- key -}}{%- if schema['type'] is string -%}{{- ': ' + schema['type'] -}}{%- endif -%}{%- if not loop.last -%}{{- ', ' -}}{%- endif -%}`,
  `{%- endfor -%}`,
  `{%- endif -%}`,
  `{{- ')' -}}{%- if function['description'] -%}{{- ' ' + function['description'] -}}{%- endif -%}{{- '\\n' -}}`,
  `{%- endfor -%}`,
  `{{- 'To call one, answer <tool_call>' -}}`,
  `{%- endif -%}`,
  `{{- '<|im_end|>\\n' -}}`,
  `{%- endif -%}`,
  `{%- for message in messages -%}`,
  `{%- if not (loop.first and has_system) -%}`,
  `{{- '<|im_start|>' + message['role'] + '\\n' -}}`,
  `{%- if message['content'] is string -%}{{- message['content'] -}}`,
  `{%- elif message['content'] -%}{%- for part in message['content'] -%}{%- if part['text'] is string -%}{{- part['text'] -}}{%- endif -%}{%- endfor -%}`,
  `{%- endif -%}`,
  `{%- if message['tool_calls'] -%}`,
  `{%- for call in message['tool_calls'] -%}`,
  `{%- set function = call['function'] if call['function'] else call -%}`,
  `{%- if message['content'] or not loop.first -%}{{- '\\n' -}}{%- endif -%}`,
  `{{- '<tool_call>\\n{"name":"' + function['name'] + '","arguments":' -}}`,
  `{%- if function['arguments'] is string -%}{{- function['arguments'] -}}{%- else -%}{{- function['arguments'] | tojson -}}{%- endif -%}`,
  `{{- '}\\n</tool_call>' -}}`,
  `{%- endfor -%}`,
  `{%- endif -%}`,
  `{{- '<|im_end|>\\n' -}}`,
  `{%- endif -%}`,
  `{%- endfor -%}`,
  `{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`,
];

export const chatTemplate = parts.join('');
