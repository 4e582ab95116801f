/** docs/guide/mistral.md works as it is written. */
import { readFile } from 'node:fs/promises';
import { Mistral } from 'mistralai-1';
import { expect, it } from 'vitest';
import { mistralServer } from './support/mistral-server.ts';

it('the guide works as it is written, under both addresses', async () => {
  await using mistral = await mistralServer({ ATELIER_TRAINING_JOBS: '0' });
  const { url, adminKey } = mistral.server;
  const page = await readFile(new URL('../../../docs/guide/mistral.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code);
  expect(blocks).toHaveLength(3);
  const code = blocks.join('\n').replace("import { Mistral } from '@mistralai/mistralai';", '');
  const program = (base: string) =>
    new Function(
      'Mistral',
      'process',
      'lines',
      `return (async () => { ${code.replace('http://localhost:8400/mistral', base)}; return { answer, job, results }; })();`,
    );
  const rows = Array.from({ length: 3 }, (_, n) => ({
    messages: [
      { role: 'user', content: `Item ${n}?` },
      { role: 'assistant', content: 'Here.' },
    ],
  }));
  const lines = rows.map((row) => JSON.stringify(row)).join('\n');
  for (const base of [`${url}/mistral`, url]) {
    const { answer, job, results } = await program(base)(Mistral, { env: { ATELIER_KEY: adminKey } }, lines);
    expect(answer.choices[0].message.content).toEqual(expect.any(String));
    expect(job).toMatchObject({ status: 'QUEUED', suffix: 'desk', autoStart: true, jobType: 'completion' });
    expect(results).toMatchObject([{ categoryScores: { pii: expect.any(Number) } }]);
    await mistral.client.fineTuning.jobs.cancel({ jobId: job.id }); // or the next would be its twin
  }
}, 120_000);
