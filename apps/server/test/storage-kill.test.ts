import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createConfig } from '../src/config/config.ts';
import { createEvents } from '../src/events.ts';
import { openStorage } from '../src/storage/open-storage.ts';
import { startChild } from './support/child-process.ts';
import { atRest, median } from './support/at-rest.ts';
import { allGone } from './support/processes.ts';
import { seedCluster } from './support/seed-cluster.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { silent } from './support/test-databases.ts';

const KILLS = Number(process.env['ATELIER_STORAGE_KILLS'] ?? 15);
const writer = path.join(import.meta.dirname, 'support', 'storage-writer.ts');

it(
  `keeps everything it has acknowledged, through ${KILLS} SIGKILLs at random moments`,
  { timeout: 60_000 + KILLS * 10_000 },
  async () => {
    await using directory = await temporaryDirectory();
    await seedCluster(path.join(directory.path, 'postgres'));
    const acknowledged = new Map<string, string>();
    const startTimes: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const begun = performance.now();
      await using child = startChild(writer, { ATELIER_DATA: directory.path });
      expect((await child.lines.next()).value).toEqual({ ready: true });
      if (kill > 0) startTimes.push(atRest(performance.now() - begun));
      const killed = sleep(Math.random() * 250).then(() => child.kill('SIGKILL'));
      for await (const line of child.lines) {
        const { id, sha256 } = line as { id: string; sha256: string };
        acknowledged.set(id, sha256);
      }
      await killed;
      await child.exited;
    }
    expect(acknowledged.size).toBeGreaterThan(0);
    expect(median(startTimes)).toBeLessThan(3000);

    const config = createConfig({ ATELIER_DATA: directory.path });
    {
      await using storage = await openStorage(config, silent, createEvents(silent.events, new Registry()));
      const rows = await storage.database.selectFrom('models').select(['id', 'blob', 'parameters']).execute();
      const named = new Map(rows.map(({ id, blob }) => [id, blob]));
      for (const [id, sha256] of acknowledged) expect(named.get(id), `${id} was acknowledged`).toBe(sha256);
      for (const { blob, parameters } of rows) {
        const content = await buffer(storage.blobs.read(blob!));
        expect(content.length).toBe(parameters);
        expect(createHash('sha256').update(content).digest('hex')).toBe(blob);
      }
      expect(await readdir(path.join(config.directories.blobs, 'aside'))).toEqual([]);
    }
    await allGone(directory.path);
  },
);
