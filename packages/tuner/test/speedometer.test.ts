import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Speedometer, timesLeft } from '../src/run/speedometer.ts';

it('knows the time left within 20 % after ten steps, whatever a run does between them', () => {
  const seconds = fc.double({ min: 0.01, max: 100, noNaN: true });
  fc.assert(
    fc.property(
      fc.record({
        step: seconds,
        first: fc.double({ min: 1, max: 5, noNaN: true }),
        // Shares of a step, as machines make them that do nothing else.
        jitter: fc.array(fc.double({ min: -0.1, max: 0.1, noNaN: true }), { minLength: 1, maxLength: 30 }),
        microBatches: fc.integer({ min: 1, max: 8 }),
        total: fc.integer({ min: 20, max: 400 }),
        every: fc.integer({ min: 1, max: 10 }),
        pause: fc.double({ min: 0, max: 4, noNaN: true }),
      }),
      ({ step, first, jitter, microBatches, total, every, pause }) => {
        let clock = 0;
        const speed = new Speedometer(() => clock);
        let told: number | undefined;
        let from = 0;
        for (let at = 1; at <= total; at++) {
          clock += 1000 * step * (at === 1 ? first : 1 + jitter[at % jitter.length]!);
          speed.step(100, microBatches);
          if (at === 10) {
            const validations = timesLeft(every, { step: at, total, epoch: 0, epochs: 1 });
            // Those of this step still come.
            const still = validations + (at % every === 0 ? 1 : 0);
            told = speed.secondsLeft({
              microBatches: microBatches * (total - at),
              validations: still,
              validationMicroBatches: 1,
              saves: still,
              savedNumbers: 0,
            });
            from = clock;
          }
          if (at % every !== 0 && at !== total) continue;
          clock += 1000 * step * pause;
          speed.pause('validation');
          clock += 500 * step * pause;
          speed.pause('save');
        }
        const truth = (clock - from) / 1000;
        // Before the first pause nobody knows how long one takes.
        if (every < 10 || pause === 0) expect(Math.abs(told! - truth)).toBeLessThan(0.2 * truth);
      },
    ),
  );
});

it('knows it although the first steps are slow and a neighbour takes the machine for a moment', () => {
  let clock = 0;
  const speed = new Speedometer(() => clock);
  for (const seconds of [2.8, 5.5, 2.8, 1, 1, 1, 1, 9, 1, 1]) {
    clock += 1000 * seconds;
    speed.step(100, 1);
  }
  const left = { validations: 0, validationMicroBatches: 0, saves: 0, savedNumbers: 0 };
  expect(speed.secondsLeft({ ...left, microBatches: 90 })).toBeCloseTo(90);
});

it('has an idea of pauses before it has seen one', () => {
  let clock = 0;
  const speed = new Speedometer(() => clock);
  for (let i = 0; i < 10; i++) {
    clock += 1000;
    speed.step(100, 1);
  }
  const left = { microBatches: 0, validations: 2, validationMicroBatches: 6, saves: 2, savedNumbers: 50e6 };
  expect(speed.secondsLeft(left)).toBeCloseTo(2 * (6 / 3 + 1));
  clock += 4000;
  speed.pause('validation');
  clock += 3000;
  speed.pause('save');
  expect(speed.secondsLeft(left)).toBeCloseTo(2 * (4 + 3));
});

it('counts what comes at ends of epochs, and at the end', () => {
  const at = (step: number, epoch: number) => ({ step, total: 10, epoch, epochs: 2.5 });
  expect(timesLeft(undefined, at(0, 0))).toBe(3);
  expect(timesLeft(undefined, at(4, 1))).toBe(2);
  expect(timesLeft(4, at(0, 0))).toBe(3);
  expect(timesLeft(4, at(9, 2.2))).toBe(1);
  expect(timesLeft(4, at(10, 2.5))).toBe(0);
});
