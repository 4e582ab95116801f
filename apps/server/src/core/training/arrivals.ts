/**
 * The items of `source` in arrays of at most `most`: each time, all that has come since the last was asked for. `source` is
 * read ahead by one array at most.
 */
export async function* arrivals<T>(source: AsyncIterable<T>, most: number): AsyncGenerator<T[], void, void> {
  let waiting: T[] = [];
  let over = false;
  let changed = Promise.withResolvers<void>();
  const signal = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const iterator = source[Symbol.asyncIterator]();
  const reading = (async () => {
    for (;;) {
      while (waiting.length >= most && !over) await changed.promise;
      if (over) return;
      const next = await iterator.next();
      if (next.done === true) return;
      waiting.push(next.value);
      signal();
    }
  })().finally(() => {
    over = true;
    signal();
  });
  reading.catch(() => {}); // awaited below
  try {
    for (;;) {
      while (waiting.length === 0 && !over) await changed.promise;
      if (waiting.length === 0) break;
      const batch = waiting;
      waiting = [];
      signal();
      yield batch;
    }
    await reading;
  } finally {
    over = true;
    signal();
    void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
