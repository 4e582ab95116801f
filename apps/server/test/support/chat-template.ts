/** ChatML, in the words that the tiny model's vocabulary has tokens for. */
export const chatTemplate = [
  '{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}',
  '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}',
].join('');
