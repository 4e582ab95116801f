import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  dpoSettingNames,
  hyperParametersSchema,
  loraTargets,
  optimizerNames,
  scheduleNames,
} from '../src/contract/index.ts';
import { taskSettingsSchema, tasks } from '../src/contract/spec.ts';
import { supportedArchitectures } from '../src/models/config.ts';

type Property = {
  default?: unknown;
  type?: string;
  enum?: string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  items?: Property;
};

/** A range as the page writes it. */
function range(property: Property): string {
  if (property.enum) return property.enum.join(', ');
  if (property.items) return `some of ${range(property.items)}`;
  if (property.type === 'boolean') return 'true, false';
  const low = property.exclusiveMinimum === undefined ? `${property.minimum}` : `above ${property.exclusiveMinimum}`;
  const high = property.exclusiveMaximum === undefined ? property.maximum : `below ${property.exclusiveMaximum}`;
  return high === undefined ? `${low} and more` : `${low} to ${high}`;
}

it('docs/reference/hyper-parameters.md has every hyper-parameter with its default and range', async () => {
  const page = await readFile(new URL('../../../docs/reference/hyper-parameters.md', import.meta.url), 'utf8');
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(' | ').slice(0, 3).join(' | '));
  const properties = z.toJSONSchema(hyperParametersSchema, { io: 'input' }).properties as Record<string, Property>;
  const shown = (value: unknown): string =>
    value === undefined ? '' : Array.isArray(value) ? value.join(', ') : String(value);
  expect(rows).toEqual(
    Object.entries(properties).map(
      ([name, property]) => `| \`${name}\` | ${shown(property.default)} | ${range(property)}`,
    ),
  );
});

it('docs/reference/hyper-parameters.md has every name of an optimizer and of a schedule', async () => {
  const page = await readFile(new URL('../../../docs/reference/hyper-parameters.md', import.meta.url), 'utf8');
  const table = (title: string): [string, string][] =>
    page
      .split(`## ${title}\n`)[1]!
      .split('\n## ')[0]!
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| Here'))
      .flatMap((line) => {
        const [here, , names] = line.slice(2, -2).split(' | ');
        return names!.split(', ').map((name): [string, string] => [name, here!]);
      });
  expect(Object.fromEntries(table('Optimizers'))).toEqual(optimizerNames);
  expect(Object.fromEntries(table('Schedules'))).toEqual(
    Object.fromEntries(Object.entries(scheduleNames).map(([name, { schedule }]) => [name, schedule])),
  );
});

it('docs/reference/hyper-parameters.md has every preference loss, and every setting of Llama Stack for them', async () => {
  const page = await readFile(new URL('../../../docs/reference/hyper-parameters.md', import.meta.url), 'utf8');
  const rows = page
    .split('## Preferences\n')[1]!
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => /^\| [a-z]/.test(line))
    .map((line) => line.slice(2, -2).split(' | '));
  expect(rows.slice(0, 3).map(([name]) => name)).toEqual(hyperParametersSchema.shape.preferenceLoss.unwrap().options);
  expect(Object.fromEntries(rows.slice(3).map(([theirs, ours]) => [theirs!, ours!.replaceAll('`', '')]))).toEqual(
    dpoSettingNames,
  );
});

it('docs/reference/hyper-parameters.md has every task and task setting', async () => {
  const page = await readFile(new URL('../../../docs/reference/hyper-parameters.md', import.meta.url), 'utf8');
  const section = page.split('## Tasks\n')[1]!.split('\n## ')[0]!;
  const firstCells = section.split('\n').flatMap((line) => /^\| ([\w[\].]+) \|/.exec(line)?.[1] ?? []);
  const properties = z.toJSONSchema(taskSettingsSchema, { io: 'input' }).properties as Record<string, Property>;
  const settings = Object.entries(properties).flatMap(([name, property]) => [
    name,
    ...Object.keys((property.items as { properties?: object } | undefined)?.properties ?? {}).map(
      (key) => `${name}[].${key}`,
    ),
  ]);
  expect(firstCells.filter((cell) => cell !== 'Task')).toEqual([
    ...tasks,
    ...settings.filter((name) => name !== 'targets[].name'),
  ]);
});

it('docs/reference/models.md has every architecture and every adapter target', async () => {
  const page = await readFile(new URL('../../../docs/reference/models.md', import.meta.url), 'utf8');
  const [architectureRows = '', targetRows = ''] = page.split('## Adapters');
  const words = (text: string): string[] =>
    [...text.matchAll(/^\| ((?:`[\w-]+`(?:, )?)+) \|/gm)].flatMap(([, cell]) => cell!.replaceAll('`', '').split(', '));
  expect(words(architectureRows)).toEqual(supportedArchitectures);
  expect(words(targetRows)).toEqual([...loraTargets]);
});
