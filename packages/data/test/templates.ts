/** Chat templates in the manner of published ones, written for these tests. */
export const chatMl = {
  template:
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
  bosToken: '',
  eosToken: '<|im_end|>',
  specialTokens: ['<|im_start|>', '<|im_end|>', '<|endoftext|>'],
};

/** Prints BOS itself, insists on alternating roles, trims. */
export const instruct = {
  template: `{{ bos_token }}{% for message in messages %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate user/assistant') }}{% endif %}
{%- if message['role'] == 'user' %}{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}
{%- else %}{{ ' ' + message['content'] | trim + eos_token }}{% endif %}
{%- endfor %}`,
  bosToken: '<s>',
  eosToken: '</s>',
  specialTokens: ['<s>', '</s>', '[INST]', '[/INST]'],
};

/** Marks the newest reply, so that earlier messages change as the conversation grows. */
export const forgetful = {
  ...chatMl,
  template:
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' }}" +
    "{% if message.role == 'assistant' and loop.last %}{{ '(thinking)' }}{% endif %}{{ message.content + '<|im_end|>\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
};

/** No special token ends a reply. */
export const plain = {
  template:
    "{% for message in messages %}{{ '### ' + message.role + ':\\n' + message.content + '\\n\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '### assistant:\\n' }}{% endif %}",
  bosToken: '<s>',
  eosToken: '</s>',
  specialTokens: ['<s>', '</s>'],
};

/** Prints tools and calls as JSON. */
export const withTools = {
  ...chatMl,
  template: `{% if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{% if message.tool_calls %}{% for call in message.tool_calls %}{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}{% endfor %}{% else %}{{ message.content }}{% endif %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}`,
};

/** Opens a thought for the model, of which finished replies show nothing. */
export const thinking = {
  ...chatMl,
  template: chatMl.template.replace("'<|im_start|>assistant\\n'", "'<|im_start|>assistant\\n<think>\\n'"),
};

/** Prints the system message before the last message only, and ends a reply with nothing but the next turn. */
export const lateSystem = {
  ...plain,
  template:
    "{% for message in messages if message.role != 'system' %}" +
    "{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content + '\\n' }}{% endif %}" +
    "{{ '<' + message.role + '>' + message.content }}{% endfor %}{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}",
  specialTokens: ['<s>', '</s>', '<user>', '<assistant>'],
};

/** Calls and results in tags, several results in one turn of the user. */
export const taggedTools = {
  ...chatMl,
  template: `{% if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}
{%- if messages[loop.index0 - 1].role != 'tool' %}{{ '<|im_start|>user' }}{% endif %}
{{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{ '<|im_end|>\\n' }}{% endif %}
{%- else %}
{{- '<|im_start|>' + message.role }}
{%- if message.content %}{{ '\\n' + message.content }}{% endif %}
{%- for call in message.tool_calls or [] %}
{{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}{{ call.function.arguments | tojson }}{{ '}\\n</tool_call>' }}
{%- endfor %}{{ '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
};

/** Control tokens around tools, calls and results; the tools stand before the newest question, so they move. */
export const bracketTools = {
  template: `{{ bos_token }}
{%- set last = namespace(at=0) %}
{%- for message in messages %}{% if message.role == 'user' %}{% set last.at = loop.index0 %}{% endif %}{% endfor %}
{%- for message in messages %}
{%- if message.role == 'user' %}
{%- if tools and loop.index0 == last.at %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}
{{- '[INST]' + message.content + '[/INST]' }}
{%- elif message.tool_calls %}[TOOL_CALLS]{% for call in message.tool_calls %}
{{- {'name': call.function.name, 'arguments': call.function.arguments, 'id': call.id} | tojson }}{% endfor %}{{ eos_token }}
{%- elif message.role == 'tool' %}
{{- '[TOOL_RESULTS]' + message.content + '[/TOOL_RESULTS]' }}
{%- else %}{{ message.content + eos_token }}{% endif %}
{%- endfor %}`,
  bosToken: '<s>',
  eosToken: '</s>',
  specialTokens: [
    '<s>',
    '</s>',
    '[INST]',
    '[/INST]',
    '[AVAILABLE_TOOLS]',
    '[/AVAILABLE_TOOLS]',
    '[TOOL_CALLS]',
    '[TOOL_RESULTS]',
    '[/TOOL_RESULTS]',
  ],
};
