import { describe, expect, it } from 'vitest';
import { Lifetime } from '../src/lifetime.ts';

describe('Lifetime', () => {
  it('ends once, and not while held', () => {
    const lifetime = new Lifetime('thing');
    let released = 0;
    const letGo = [lifetime.hold('user'), lifetime.hold('user'), lifetime.hold('reader')];
    expect(() => lifetime.end(() => released++)).toThrow(
      'The thing cannot be disposed while in use (2 user, 1 reader)',
    );
    lifetime.check();
    letGo[0]?.();
    letGo[0]?.();
    expect(() => lifetime.end(() => released++)).toThrow('(1 user, 1 reader)');
    letGo[1]?.();
    letGo[2]?.();
    lifetime.end(() => released++);
    lifetime.end(() => released++);
    expect(released).toBe(1);
    expect(() => lifetime.check()).toThrow('The thing was used after it was disposed');
    expect(() => lifetime.hold('user')).toThrow('used after it was disposed');
  });
});
