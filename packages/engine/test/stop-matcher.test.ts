import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StopMatcher } from '../src/runner/stop-matcher.ts';

/** What should come out, computed from the whole text at once. */
function expected(text: string, stops: string[]): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const hits = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    if (hits.length > 0)
      return { text: text.slice(0, end - Math.max(...hits.map((hit) => hit.length))), stopped: true };
  }
  return { text, stopped: false };
}

function run(pieces: string[], stops: string[]) {
  const matcher = new StopMatcher(stops);
  let out = '';
  for (const piece of pieces) {
    const { text, stop } = matcher.push(piece);
    out += text;
    if (stop !== undefined) return { text: out, stopped: true };
  }
  return { text: out + matcher.flush(), stopped: false };
}

// A small alphabet makes overlapping and nested stop strings likely.
const word = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '🙂'), minLength: 1, maxLength: 5 });

test('text is cut before the stop string that ends first, however it arrives', () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.array(word, { maxLength: 4 }), (pieces, stops) => {
      expect(run(pieces, stops)).toEqual(expected(pieces.join(''), stops));
    }),
    { numRuns: 3000 },
  );
});

test('nothing is held back that cannot become a stop string', () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.array(word, { minLength: 1, maxLength: 4 }), (pieces, stops) => {
      const matcher = new StopMatcher(stops);
      let seen = '';
      let out = '';
      for (const piece of pieces) {
        seen += piece;
        const result = matcher.push(piece);
        out += result.text;
        if (result.stop !== undefined) return;
        const held = seen.slice(out.length);
        expect(held === '' || stops.some((stop) => stop.startsWith(held) && stop !== held)).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});
