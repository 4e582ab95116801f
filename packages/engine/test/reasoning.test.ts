import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Candidates, Grammar, LlamaModel, loadNative } from '@atelier/llama';
import { GrammarGate } from '../src/runner/grammar-gate.ts';
import { reasoningMarks, ReasoningSplitter } from '../src/runner/reasoning.ts';
import { TinyModels } from './tiny-engine.ts';

const marks = { start: '<think>', end: '</think>' };

function split(pieces: readonly string[], open = false) {
  const splitter = new ReasoningSplitter(marks, open);
  const all = [...pieces.map((piece) => splitter.push(piece)), splitter.flush()];
  const join = (key: 'reasoning' | 'text') => all.map((parts) => parts[key]).join('');
  return { reasoning: join('reasoning'), text: join('text'), all };
}

test.each([
  ['<think>one\ntwo</think>\n\nanswer', 'one\ntwo', 'answer'],
  ['\n<think>\nthought \n</think> answer\n', 'thought', 'answer\n'],
  ['<think></think>answer', '', 'answer'],
  ['<think>\n\n</think>\n\n', '', ''],
  ['<think>without an end', 'without an end', ''],
  ['no thought', '', 'no thought'],
  ['  an answer that <think>mentions</think> marks', '', '  an answer that <think>mentions</think> marks'],
  ['<think>a</think>b<think>c</think>', 'a', 'b<think>c</think>'],
  ['<thin', '', '<thin'],
])('%j is told apart', (whole, reasoning, text) => {
  expect(split([whole])).toMatchObject({ reasoning, text });
});

test('a thought that the prompt has begun needs no mark', () => {
  expect(split(['one', '</think>', 'two'], true)).toMatchObject({ reasoning: 'one', text: 'two' });
});

test('it does not matter where the text is cut, and reasoning never follows text', () => {
  const part = fc.constantFrom('<think>', '</think>', '<', 'th', 'ink>', '/', ' ', '\n', 'a', 'é');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), fc.boolean(), fc.boolean(), (parts, begins, open) => {
      const whole = (begins ? '<think>' : '') + parts.join('');
      const pieces = split([...whole], open);
      expect(pieces.reasoning).toBe(split([whole], open).reasoning);
      expect(pieces.text).toBe(split([whole], open).text);
      const firstText = pieces.all.findIndex(({ text }) => text !== '');
      if (firstText >= 0) expect(pieces.all.slice(firstText + 1).every(({ reasoning }) => reasoning === '')).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test('families are known by what their templates mention', () => {
  expect(reasoningMarks("{% if '</think>' in content %}")).toEqual(marks);
  expect(reasoningMarks('{{ "[THINK]" }}')).toEqual({ start: '[THINK]', end: '[/THINK]' });
  expect(reasoningMarks('{{ messages }}')).toBeUndefined();
  expect(reasoningMarks(undefined)).toBeUndefined();
});

let models: TinyModels;
let model: LlamaModel;
beforeAll(async () => {
  models = await TinyModels.create();
  loadNative({ gpu: 'off' });
  model = LlamaModel.load(await models.model('tiny.gguf'));
});
afterAll(async () => {
  model[Symbol.dispose]();
  await models[Symbol.asyncDispose]();
});

/** A gate over bytes, which are the first tokens of the tiny vocabulary; 300 stands for the mark that begins a thought. */
function gate(stages: string[][], thought?: typeof marks): GrammarGate {
  return new GrammarGate({
    id: 1,
    grammar: Grammar.compile(model, 'root ::= "yes"'),
    candidates: new Candidates(model),
    stages,
    thought,
    bytesOf: (token) => (token === 300 ? Buffer.from('<think>') : Uint8Array.of(token)),
    isEnd: () => false,
  });
}

const say = (own: GrammarGate, text: string) => {
  for (const token of Buffer.from(text)) {
    expect(own.allows(token)).toBe(true);
    own.accept(token);
  }
};

test('a grammar leaves a thought alone, whether the prompt or the model begins it', () => {
  using open = gate([['</think>']]);
  say(open, 'no, <think> yes</think>yes');
  using begun = gate([], marks);
  expect(begun.allows(300)).toBe(true);
  begun.accept(300);
  say(begun, 'no yes</thin</think>yes');
  using without = gate([], marks);
  expect(without.allows(Buffer.from('n')[0]!)).toBe(false);
  say(without, 'yes');
  expect(without.allows(300)).toBe(false);
});

test('a trigger inside a thought is none', () => {
  using own = gate([['</think>'], ['<call>', '<do>']]);
  say(own, 'a <call>b</think>c <call <do>yes');
});
