import { AtelierError } from '@atelier/errors';
import { randomIntegers, shuffle } from '../random.ts';
import { countRecords, recordLines } from './record-file.ts';
import { writeAside } from './write-aside.ts';

export type SplitOptions = {
  /** Record files: the one to split, and the two to write. */
  readonly source: string;
  readonly train: string;
  readonly test: string;
  /** Share of the records that go to the test file, between 0 and 1. */
  readonly testShare: number;
  readonly seed: number;
};

/**
 * Splits a record file in two, each in the source's order. Which record goes where depends on the seed, the share and the
 * number of records alone; either side gets at least one. Returns how many each got. Fails with `invalid_request` when
 * there are fewer than two.
 */
export async function splitRecords({
  source,
  train,
  test,
  testShare,
  seed,
}: SplitOptions): Promise<{ train: number; test: number }> {
  const count = await countRecords(source);
  const isTest = testMembers(count, testShare, seed);
  await using trainFile = await writeAside(train);
  await using testFile = await writeAside(test);
  const buffers = { train: [] as Buffer[], test: [] as Buffer[] };
  let buffered = 0;
  const flush = async (): Promise<void> => {
    await trainFile.write(Buffer.concat(buffers.train.splice(0)));
    await testFile.write(Buffer.concat(buffers.test.splice(0)));
    buffered = 0;
  };
  let index = 0;
  for await (const { bytes } of recordLines(source)) {
    buffers[isTest[index++] === 1 ? 'test' : 'train'].push(bytes, lineFeed);
    buffered += bytes.length + 1;
    if (buffered > flushBytes) await flush();
  }
  await flush();
  await trainFile.commit();
  await testFile.commit();
  const tested = isTest.reduce((sum, member) => sum + member, 0);
  return { train: count - tested, test: tested };
}

const lineFeed = Buffer.from('\n');
const flushBytes = 1 << 18;

function testMembers(count: number, testShare: number, seed: number): Uint8Array {
  if (!(testShare > 0 && testShare < 1))
    throw new AtelierError('invalid_request', { reason: 'The share to split off must be between 0 and 1' });
  if (count < 2)
    throw new AtelierError('invalid_request', { reason: 'A data set needs at least two records to be split' });
  const tested = Math.min(count - 1, Math.max(1, Math.round(count * testShare)));
  const order = shuffle(
    Uint32Array.from({ length: count }, (_, i) => i),
    randomIntegers(seed, count),
  );
  const members = new Uint8Array(count);
  for (const index of order.subarray(0, tested)) members[index] = 1;
  return members;
}
