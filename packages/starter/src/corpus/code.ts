/** Small functions in two languages: whole, with a hole to fill in the middle (FIM), and asked for in a chat. */
import { sideOf } from './names.ts';
import type { Random } from './random.ts';
import { conversation, fill, type FimRecord, type Skill, type Split } from './skill.ts';
import { objects } from './words.ts';

type Function_ = { purpose: string; name: string; python: string; javascript: string };

const functions: readonly Function_[] = [
  {
    purpose: 'add two numbers',
    name: 'add',
    python: 'def {f}({a}, {b}):\n    return {a} + {b}\n',
    javascript: 'function {f}({a}, {b}) {\n  return {a} + {b};\n}\n',
  },
  {
    purpose: 'multiply two numbers',
    name: 'multiply',
    python: 'def {f}({a}, {b}):\n    return {a} * {b}\n',
    javascript: 'function {f}({a}, {b}) {\n  return {a} * {b};\n}\n',
  },
  {
    purpose: 'subtract two numbers',
    name: 'subtract',
    python: 'def {f}({a}, {b}):\n    return {a} - {b}\n',
    javascript: 'function {f}({a}, {b}) {\n  return {a} - {b};\n}\n',
  },
  {
    purpose: 'double a number',
    name: 'double',
    python: 'def {f}({a}):\n    return {a} * 2\n',
    javascript: 'function {f}({a}) {\n  return {a} * 2;\n}\n',
  },
  {
    purpose: 'add {k} to a number',
    name: 'plus',
    python: 'def {f}({a}):\n    return {a} + {k}\n',
    javascript: 'function {f}({a}) {\n  return {a} + {k};\n}\n',
  },
  {
    purpose: 'find the larger of two values',
    name: 'larger',
    python: 'def {f}({a}, {b}):\n    if {a} > {b}:\n        return {a}\n    return {b}\n',
    javascript: 'function {f}({a}, {b}) {\n  if ({a} > {b}) return {a};\n  return {b};\n}\n',
  },
  {
    purpose: 'find the smaller of two values',
    name: 'smaller',
    python: 'def {f}({a}, {b}):\n    if {a} < {b}:\n        return {a}\n    return {b}\n',
    javascript: 'function {f}({a}, {b}) {\n  if ({a} < {b}) return {a};\n  return {b};\n}\n',
  },
  {
    purpose: 'sum a list',
    name: 'total',
    python: 'def {f}({l}):\n    total = 0\n    for {a} in {l}:\n        total += {a}\n    return total\n',
    javascript:
      'function {f}({l}) {\n  let total = 0;\n  for (const {a} of {l}) {\n    total += {a};\n  }\n  return total;\n}\n',
  },
  {
    purpose: 'count the items of a list',
    name: 'count',
    python: 'def {f}({l}):\n    return len({l})\n',
    javascript: 'function {f}({l}) {\n  return {l}.length;\n}\n',
  },
  {
    purpose: 'get the first item of a list',
    name: 'first',
    python: 'def {f}({l}):\n    return {l}[0]\n',
    javascript: 'function {f}({l}) {\n  return {l}[0];\n}\n',
  },
  {
    purpose: 'get the last item of a list',
    name: 'last',
    python: 'def {f}({l}):\n    return {l}[-1]\n',
    javascript: 'function {f}({l}) {\n  return {l}[{l}.length - 1];\n}\n',
  },
  {
    purpose: 'check whether a number is even',
    name: 'is_even',
    python: 'def {f}({a}):\n    return {a} % 2 == 0\n',
    javascript: 'function {f}({a}) {\n  return {a} % 2 === 0;\n}\n',
  },
  {
    purpose: 'check whether a list is empty',
    name: 'is_empty',
    python: 'def {f}({l}):\n    return len({l}) == 0\n',
    javascript: 'function {f}({l}) {\n  return {l}.length === 0;\n}\n',
  },
  {
    purpose: 'write a text in upper case',
    name: 'shout',
    python: 'def {f}({a}):\n    return {a}.upper()\n',
    javascript: 'function {f}({a}) {\n  return {a}.toUpperCase();\n}\n',
  },
  {
    purpose: 'greet by name',
    name: 'greet',
    python: 'def {f}({a}):\n    return "Hello, " + {a}\n',
    javascript: 'function {f}({a}) {\n  return "Hello, " + {a};\n}\n',
  },
  {
    purpose: 'keep the values above {k}',
    name: 'above',
    python: 'def {f}({l}):\n    return [{a} for {a} in {l} if {a} > {k}]\n',
    javascript: 'function {f}({l}) {\n  return {l}.filter(({a}) => {a} > {k});\n}\n',
  },
  {
    purpose: 'count down from a number',
    name: 'countdown',
    python: 'def {f}({a}):\n    while {a} > 0:\n        print({a})\n        {a} -= 1\n',
    javascript: 'function {f}({a}) {\n  while ({a} > 0) {\n    console.log({a});\n    {a} -= 1;\n  }\n}\n',
  },
];

const asks = [
  'Write a {lang} function to {p}.',
  'Write {lang} code to {p}. Call it {f}.',
  'How do I {p} in {lang}?',
  'Give me a {lang} function named {f} to {p}.',
  '{lang}: {p}',
];

/** A function with names drawn for it; the held-out ones have never been trained in exactly this form. */
function draw(random: Random, split: Split) {
  for (;;) {
    const drawn = drawAny(random);
    if (sideOf(drawn.code) === split) return drawn;
  }
}

function drawAny(random: Random) {
  const chosen = random.pick(functions);
  const language = random.pick(['python', 'javascript'] as const);
  const [a, b] = random.sample(
    ['a', 'b', 'x', 'y', 'value', 'other', 'left', 'right', 'n', 'item', ...objects.slice(0, 8)],
    2,
  ) as [string, string];
  const values = {
    f: random.chance(0.5) ? chosen.name : `${chosen.name}_${random.pick(objects)}`,
    a,
    b,
    l: random.pick(['items', 'values', 'numbers', 'things', 'rows', `${random.pick(objects)}s`]),
    k: random.integer(1, 50),
  };
  return {
    code: fill(chosen[language], values),
    purpose: fill(chosen.purpose, values),
    name: values.f,
    language,
    usesDefaultName: values.f === chosen.name,
  };
}

/** A function with a hole: `middle` is what belongs between `prefix` and `suffix`. */
function hole(random: Random, split: Split): FimRecord {
  const { code } = draw(random, split);
  const cuts = [...code.matchAll(/\b/g)]
    .map((match) => match.index)
    .filter((index) => index > 0 && index < code.length);
  const [a, b] = random.sample(cuts, 2).sort((x, y) => x - y) as [number, number];
  const end = Math.min(b, a + 24);
  return { kind: 'fim', prefix: code.slice(0, a), middle: code.slice(a, end), suffix: code.slice(end) };
}

export const code: Skill = {
  name: 'code',
  share: 5,
  make(random, split) {
    const kind = random.next();
    if (kind < 0.5) return hole(random, split);
    const { code: text, purpose, name, language, usesDefaultName } = draw(random, split);
    if (kind < 0.65 && split === 'train') return { kind: 'text', text };
    const forms = usesDefaultName && random.chance(0.5) ? asks : asks.filter((ask) => ask.includes('{f}'));
    return conversation([
      [
        fill(random.pick(forms), { lang: language === 'python' ? 'Python' : 'JavaScript', p: purpose, f: name }),
        text.trimEnd(),
      ],
    ]);
  },
};
