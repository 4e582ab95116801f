/** node examples/support-desk/generate.ts: writes train.jsonl and test.jsonl beside itself; always the same. */
import { writeFile } from 'node:fs/promises';
import { drawRows } from './rows.ts';

for (const [name, rows] of Object.entries(drawRows())) {
  await writeFile(new URL(`${name}.jsonl`, import.meta.url), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  console.log(`${name}.jsonl: ${rows.length} rows`);
}
