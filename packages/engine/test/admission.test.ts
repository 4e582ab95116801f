import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Admission } from '../src/admission.ts';

test('no more than maxRunning run, no more than maxQueue wait, and the rest is told when to come back', async () => {
  const admission = new Admission({ maxRunning: 2, maxQueue: 2 });
  const leave = [await admission.enter('a'), await admission.enter('a')];
  const waiting = [admission.enter('a'), admission.enter('a')];
  await expect(admission.enter('a')).rejects.toMatchObject({
    code: 'too_many_requests',
    details: { waiting: 2, retryAfter: expect.any(Number) },
  });
  expect([admission.running, admission.waiting]).toEqual([2, 2]);
  leave[0]!();
  leave[0]!();
  (await waiting[0]!)();
  (await waiting[1]!)();
  leave[1]!();
  expect([admission.running, admission.waiting]).toEqual([0, 0]);
});

test('an owner that floods the queue displaces itself, and waits behind one that asks rarely', async () => {
  const admission = new Admission({ maxRunning: 1, maxQueue: 4 });
  const order: string[] = [];
  let leave = await admission.enter('flood');
  const refused: unknown[] = [];
  const ask = (owner: string) =>
    admission.enter(owner).then(
      (done) => {
        order.push(owner);
        leave = done;
      },
      (error: unknown) => refused.push(error),
    );
  for (let i = 0; i < 4; i++) void ask('flood');
  void ask('rare');
  await turn();
  expect(refused).toHaveLength(1);
  expect(admission.waiting).toBe(4);
  for (let i = 0; i < 4; i++) {
    leave();
    await turn();
  }
  expect(order).toEqual(['rare', 'flood', 'flood', 'flood']);
});

test('a request that is aborted while it waits leaves no trace', async () => {
  const admission = new Admission({ maxRunning: 1, maxQueue: 4 });
  const leave = await admission.enter('a');
  const abort = new AbortController();
  const waiting = admission.enter('b', abort.signal);
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  expect(admission.waiting).toBe(0);
  leave();
  expect(admission.running).toBe(0);
});

test('any order of coming, leaving and aborting keeps the bounds and loses nobody', async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('enter' as const), owner: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ type: fc.constantFrom('leave' as const, 'abort' as const), index: fc.nat(20) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const admission = new Admission({ maxRunning: 3, maxQueue: 5 });
      const inside: (() => void)[] = [];
      const aborts: AbortController[] = [];
      let unsettled = 0;
      for (const action of steps) {
        if (action.type === 'enter') {
          const abort = new AbortController();
          aborts.push(abort);
          unsettled++;
          admission
            .enter(action.owner, abort.signal)
            .then(
              (leave) => inside.push(leave),
              () => {},
            )
            .finally(() => unsettled--);
        } else if (action.type === 'leave') inside.splice(action.index, 1)[0]?.();
        else aborts[action.index]?.abort();
        await turn();
        expect(admission.running).toBe(inside.length);
        expect(admission.running).toBeLessThanOrEqual(3);
        expect(admission.waiting).toBe(unsettled);
        expect(admission.waiting).toBeLessThanOrEqual(5);
        if (admission.waiting > 0) expect(admission.running).toBe(3);
      }
    }),
    { numRuns: 200 },
  );
});
