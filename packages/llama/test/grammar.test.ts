import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batch, Candidates, Grammar, LlamaContext, Sampler } from '../src/index.ts';
import { useTinyModel } from './tiny-model-file.ts';

const used = useTinyModel();

/** What a sampler says within a grammar, until nothing but the end is left. */
function sentence(text: string, seed: number, most = 60): string {
  const { model } = used;
  using context = new LlamaContext(model, { nCtx: 256, nThreads: 1 });
  using grammar = Grammar.compile(model, text);
  using sampler = new Sampler(model, [{ kind: 'dist', seed }]);
  const candidates = new Candidates(model);
  const batch = new Batch(model.native, 1);
  let said = '';
  for (let pos = 0, token = 65; pos < most; pos++) {
    batch.clear();
    batch.add(token, pos, 0, true);
    context.decode(batch);
    candidates.fill(context.logits());
    if (!grammar.restrict(candidates)) break;
    token = sampler.pick(candidates);
    if (model.vocab.isEog(token)) break;
    grammar.accept(token, candidates);
    sampler.accept(token);
    said += Buffer.from(model.vocab.pieceBytes(token)).toString('latin1');
  }
  return said;
}

describe('Grammar', () => {
  it.each([
    ['root ::= "yes" | "no"', /^(yes|no)$/],
    ['root ::= [0-9]{3} ("-" [a-f])? "."', /^[0-9]{3}(-[a-f])?\.$/],
    [
      '# a comment\nroot ::= item ("," item){2}\nitem ::= "\\"" [^"\\\\\\x00-\\x1f\\x7f-\\U0010FFFF]{1,4} "\\""',
      /^"[^"]+","[^"]+","[^"]+"$/,
    ],
  ])('holds a text to %s', (text, pattern) => {
    for (let seed = 0; seed < 5; seed++) expect(sentence(text, seed)).toMatch(pattern);
  });

  it('is copied with the place it has come to', () => {
    const [a, b, c] = [...Buffer.from('abc')] as [number, number, number];
    const candidates = new Candidates(used.model);
    using grammar = Grammar.compile(used.model, 'root ::= "ab" | "ac"');
    using fresh = grammar.clone();
    grammar.accept(a, candidates);
    using copy = grammar.clone();
    grammar.accept(b, candidates);
    expect([copy.allows(b, candidates), copy.allows(c, candidates), copy.allows(a, candidates)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(fresh.allows(a, candidates)).toBe(true);
    expect(() => copy.accept(a, candidates)).toThrow(/does not allow/);
    const { eos } = used.model.vocab;
    expect([grammar.allows(eos!, candidates), copy.allows(eos!, candidates)]).toEqual([true, false]);
  });

  const layers = (rule: (next: string) => string) =>
    Array.from({ length: 40 }, (_, i) => `r${i} ::= ${rule(`r${i + 1}`)}`).join('\n');
  it.each<[string, string, RegExp]>([
    ['an empty text', '', /no rule named root/],
    ['no root', 'a ::= "x"', /no rule named root/],
    ['a rule that is missing', 'root ::= missing', /no rule named missing/],
    ['a rule twice', 'root ::= "x"\nroot ::= "y"', /line 2 .*second rule/],
    ['a string without end', 'root ::= "x', /line 1 .*character/],
    ['a class without end', 'root ::= [a-', /expected a character/],
    ['a group without end', 'root ::= (("x")', /expected \)/],
    ['an unknown escape', 'root ::= "\\q"', /expected a character/],
    ['nothing to repeat', 'root ::= *', /nothing to repeat/],
    ['a range backwards', 'root ::= "x"{3,1}', /at least than at most/],
    ['many repetitions', 'root ::= "x"{99999}', /repetitions/],
    ['many elements', `root ::= "${'x'.repeat(400)}"{2000}`, /more than/],
    ['deep groups', `root ::= ${'('.repeat(5000)}"x"${')'.repeat(5000)}`, /nested deeper/],
    ['left recursion', 'root ::= root "x" | "y"', /left recursion/],
    ['left recursion behind what may be empty', 'root ::= a root "x" | "y"\na ::= b\nb ::= ""', /left recursion/],
    ['repetition of nothing', 'root ::= ("a"?)*', /left recursion/],
    [
      'two to the forty beginnings',
      `root ::= r0\n${layers((next) => `${next} "x" | ${next} "y"`)}\nr40 ::= "z"`,
      /ways/,
    ],
    ['half a token', 'root ::= <[0', /expected a token/],
    ['a zero byte', 'root ::= "\0"', /zero byte/],
    ['half a character', 'root ::= "\ud800"', /Unicode/],
  ])('refuses %s', (_, text, reason) => {
    expect(() => Grammar.compile(used.model, text)).toThrow(reason);
  });

  it('survives any text', () => {
    const words = [
      'root',
      '::=',
      '"',
      'a',
      '[',
      ']',
      '-',
      '^',
      '(',
      ')',
      '*',
      '+',
      '?',
      '{',
      '}',
      '1',
      ',',
      '|',
      '\n',
      ' ',
      '\\',
      'x',
      '<',
      '!',
      '>',
      '#',
      '.',
      '😀',
    ];
    const candidates = new Candidates(used.model);
    let compiled = 0;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 14 }), (parts) => {
        try {
          using grammar = Grammar.compile(used.model, `root ::= ${parts.join('')}`);
          grammar.allows(97, candidates);
          compiled++;
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_request' });
        }
      }),
      { numRuns: 3000 },
    );
    expect(compiled).toBeGreaterThan(20);
  });
});
