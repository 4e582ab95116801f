import { readFile } from 'node:fs/promises';
import OpenAI, { toFile } from 'openai';
import { describe, expect, it } from 'vitest';
import { emissaryObjects } from './support/emissary-objects.ts';
import { stranger } from './support/emissary-server.ts';
import { useOpenaiServer } from './support/openai-server.ts';

const it_ = useOpenaiServer({ ATELIER_TRAINING_JOBS: '0' });

const limit = 60_000;
const conversation = `${JSON.stringify({
  messages: [
    { role: 'developer', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
    { role: 'assistant', content: 'Hi', weight: 1 },
  ],
})}\n`;
const upload = async (name: string, text = conversation, purpose: OpenAI.FilePurpose = 'fine-tune') =>
  it_.client.files.create({ file: await toFile(Buffer.from(text), name), purpose });

describe('files', () => {
  it(
    'are uploaded, read, listed in pages either way, and deleted',
    async () => {
      const made: OpenAI.FileObject[] = [];
      for (let i = 0; i < 5; i++) made.push(await upload(`page-${i}.jsonl`));
      expect(made[0]).toMatchObject({
        object: 'file',
        id: expect.stringMatching(/^file-[0-9a-f]{32}$/),
        filename: 'page-0.jsonl',
        bytes: conversation.length,
        purpose: 'fine-tune',
        status: 'processed',
      });
      const names: string[] = [];
      for await (const { filename } of it_.client.files.list({ limit: 2, purpose: 'fine-tune' })) names.push(filename);
      expect(names).toEqual([4, 3, 2, 1, 0].map((i) => `page-${i}.jsonl`));
      const page = await it_.client.files.list({ limit: 2, order: 'asc', after: made[0]!.id });
      expect(page.data.map(({ id }) => id)).toEqual([made[1]!.id, made[2]!.id]);
      expect(page.has_more).toBe(true);
      expect(await it_.client.files.retrieve(made[1]!.id)).toEqual(made[1]);
      expect(await (await it_.client.files.content(made[1]!.id)).text()).toBe(conversation);
      expect(await it_.client.files.delete(made[1]!.id)).toEqual({ id: made[1]!.id, object: 'file', deleted: true });
      await expect(it_.client.files.retrieve(made[1]!.id)).rejects.toMatchObject({ status: 404 });
      await expect(it_.client.files.list({ after: made[1]!.id })).rejects.toMatchObject({ status: 404 });
      await expect(it_.clientOf(stranger.key).files.content(made[0]!.id)).rejects.toMatchObject({ status: 404 });
    },
    limit,
  );

  it(
    'of one API are files of the others',
    async () => {
      const { id } = await upload('shared.jsonl');
      const uuid = id.slice(5).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      const seen = await fetch(`${it_.server.url}/mistral/v1/files/${uuid}`, {
        headers: { authorization: `Bearer ${it_.server.adminKey}` },
      });
      expect(await seen.json()).toMatchObject({ id: uuid, filename: 'shared.jsonl', num_lines: 1 });
    },
    limit,
  );

  it(
    'are checked by their purpose, and may expire',
    async () => {
      await expect(upload('bad.jsonl', '{"messages":[]}\n')).rejects.toMatchObject({
        status: 400,
        message: expect.stringContaining('Line 1, field messages'),
      });
      const file = await toFile(Buffer.from('any'), 'notes.txt');
      const made = await it_.client.files.create({
        file,
        purpose: 'user_data',
        expires_after: { anchor: 'created_at', seconds: 7200 },
      });
      expect(Math.abs(made.expires_at! - made.created_at - 7200)).toBeLessThan(60);
      const form = new FormData();
      form.append('file', new Blob([conversation]), 'late.jsonl');
      const send = async () =>
        fetch(`${it_.server.url}/openai/v1/files`, {
          method: 'POST',
          headers: { authorization: `Bearer ${it_.server.adminKey}` },
          body: form,
        });
      expect((await send()).status).toBe(400);
      form.append('purpose', 'fine-tune');
      expect(await (await send()).json()).toMatchObject({ filename: 'late.jsonl', purpose: 'fine-tune' });
    },
    limit,
  );
});

describe('models', () => {
  it(
    'are listed with those that jobs made, and retrieved by the names of the hosted ones',
    async () => {
      const { data } = await it_.client.models.list();
      expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(['starter', 'tiny-chat']));
      expect(await it_.client.models.retrieve('gpt-4o-mini')).toMatchObject({ id: 'gpt-4o-mini', object: 'model' });
      await expect(it_.client.models.retrieve('nothing')).rejects.toMatchObject({
        status: 404,
        code: 'model_not_found',
      });
      await expect(it_.client.models.delete('starter')).rejects.toMatchObject({ status: 403 });
    },
    limit,
  );

  it(
    'of a job can be deleted, and asked as they were after a step',
    async () => {
      const { job, project, deployment } = await emissaryObjects(it_.server);
      const name = 'ft:tiny-chat:me:20261121:12345678';
      await it_.server.database
        .insertInto('models')
        .values({
          id: 'md-tuned',
          workspace_id: 'ws-default',
          name,
          kind: 'fine-tuned',
          family: 'llama',
          context_length: 64,
          parameters: 1000,
          chat: true,
          training_job_id: job,
          checkpoint_number: 1,
        })
        .execute();
      const asked = { messages: [{ role: 'user' as const, content: 'Hi' }], max_tokens: 3, temperature: 0 };
      const [last, checkpoint] = await Promise.all(
        [name, `${name}:ckpt-step-3`].map((model) => it_.client.chat.completions.create({ ...asked, model })),
      );
      expect(checkpoint!.choices).toEqual(last!.choices);
      await expect(
        it_.client.chat.completions.create({ ...asked, model: `${name}:ckpt-step-4` }),
      ).rejects.toMatchObject({
        status: 404,
      });
      await expect(it_.client.models.delete(name)).rejects.toMatchObject({ status: 400, code: 'conflict' });
      await it_.server.call('POST', `/emissary/v1/projects/${project}/deployments/${deployment}/cancel`);
      expect(await it_.client.models.delete(name)).toEqual({ id: name, object: 'model', deleted: true });
    },
    limit,
  );
});

it('docs/reference/openai.md lists every operation that is served, and no other', async () => {
  const { paths } = (await it_.server.call('GET', '/openai/openapi.json')).json<{
    paths: Record<string, Record<string, { summary: string }>>;
  }>();
  const served = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { summary }]) => `| \`${method.toUpperCase()} ${path}\` | ${summary} |`),
  );
  const page = await readFile(new URL('../../../docs/reference/openai.md', import.meta.url), 'utf8');
  expect(page.split('\n').filter((line) => /^\| `(GET|POST|DELETE) /.test(line))).toEqual(served);
});
