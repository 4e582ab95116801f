import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Known } from '../src/core/known.ts';

/** A database of one value, which counts how often it is asked. */
function source(first: string | null) {
  const asked = { value: first, times: 0, gate: Promise.resolve() };
  const lookUp = async (): Promise<string | null> => {
    asked.times++;
    await asked.gate;
    if (asked.value === 'broken') throw new Error('broken');
    return asked.value;
  };
  return { asked, lookUp };
}

describe('what the database says', () => {
  it('is asked once by those who come together, and kept', async () => {
    const { asked, lookUp } = source('one');
    const known = new Known<string | null>();
    expect(await Promise.all([known.get('a', lookUp), known.get('a', lookUp)])).toEqual(['one', 'one']);
    expect(asked.times).toBe(1);
    await known.get('b', lookUp);
    expect(asked.times).toBe(2);
  });

  it('is not kept when it is nothing or an error', async () => {
    const { asked, lookUp } = source(null);
    const known = new Known<string | null>();
    expect(await known.get('a', lookUp)).toBeNull();
    asked.value = 'broken';
    await expect(known.get('a', lookUp)).rejects.toThrow('broken');
    asked.value = 'one';
    expect(await known.get('a', lookUp)).toBe('one');
  });

  it('is forgotten even when it was just being looked up', async () => {
    const { asked, lookUp } = source('old');
    const known = new Known<string | null>();
    const before = known.get('a', lookUp);
    known.forget();
    asked.value = 'new';
    const after = known.get('a', lookUp);
    expect(asked.times).toBe(2);
    await before;
    expect(await after).toBe('new');
    expect(await known.get('a', lookUp)).toBe('new');
  });

  it('is renewed while nobody waits, and then gives way to what has changed', async () => {
    const { asked, lookUp } = source('old');
    const known = new Known<string | null>();
    await known.get('a', lookUp);
    const gate = Promise.withResolvers<void>();
    asked.gate = gate.promise;
    asked.value = 'new';
    // The first that finds it no longer fresh has it asked for again; on a slow machine it may be too old by then.
    const answers: Promise<string | null>[] = [];
    while (asked.times < 2) {
      await sleep(20);
      answers.push(known.get('a', lookUp));
    }
    gate.resolve();
    for (const answer of answers.slice(0, -1)) expect(await answer).toBe('old');
    expect(['old', 'new']).toContain(await answers.at(-1));
    expect(await known.get('a', lookUp)).toBe('new');
  }, 60_000);

  it.each([null, 'broken'])(
    'is gone once it is asked for again and is %s',
    async (value) => {
      const { asked, lookUp } = source('old');
      const known = new Known<string | null>();
      await known.get('a', lookUp);
      asked.value = value;
      const answer = () => known.get('a', lookUp).catch(() => 'failed');
      while ((await answer()) === 'old') await sleep(20);
      expect(asked.times).toBeGreaterThan(1);
    },
    60_000,
  );
});
