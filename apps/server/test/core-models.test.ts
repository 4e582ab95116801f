import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeTinyAdapter, writeTinyBert, writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModels, type Models } from '../src/core/models/models.ts';
import { type BlobStore, openBlobStore } from '../src/storage/blobs/blob-store.ts';
import type { DatabaseHandle } from '../src/storage/database/database.ts';
import { chatTemplate } from './support/chat-template.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { silent, type TestDatabases, testDatabases } from './support/test-databases.ts';
import { insertTrainingJob, insertTrainingSurroundings } from './support/training-rows.ts';

let databases: TestDatabases;
const stack = new AsyncDisposableStack();
let handle: DatabaseHandle;
let directory: string;
let blobs: BlobStore;
let models: Models;
beforeAll(async () => {
  databases = stack.use(await testDatabases());
  handle = stack.use(await databases.fresh());
  directory = stack.use(await temporaryDirectory()).path;
  blobs = await openBlobStore(path.join(directory, 'blobs'), handle.database);
  models = createModels({
    database: handle.database,
    blobs,
    logger: silent.models,
    aliases: new Map([['hosted-name', 'plain']]),
  });
  for (const name of ['first', 'second']) await mkdir(path.join(directory, name));
});
afterAll(() => stack.disposeAsync());

const anyone = { workspaceId: 'ws-1', userId: 'user-1', keyId: 'key-1' };
const register = () =>
  models.register([path.join(directory, 'first'), path.join(directory, 'second'), path.join(directory, 'absent')]);
const names = async () => (await models.list(anyone)).map(({ name }) => name);

describe('base models', () => {
  it('are those of the model directories that can be read, under their file names', async () => {
    await writeTinyModel(path.join(directory, 'first', 'plain.gguf'), { context: 128 });
    await writeTinyModel(path.join(directory, 'first', 'shared.gguf'), { context: 64 });
    await writeTinyModel(path.join(directory, 'second', 'shared.gguf'), { context: 256, chatTemplate });
    await writeTinyModel(path.join(directory, 'second', 'chatty.gguf'), { chatTemplate });
    await writeTinyModel(path.join(directory, 'second', 'encoder.gguf'), { family: 'bert', chatTemplate });
    await writeTinyModel(path.join(directory, 'second', 'experts.gguf'), {
      metadata: { expert_count: { type: 'UINT32', value: 8 } },
    });
    await writeTinyAdapter(path.join(directory, 'first', 'adapter.gguf'));
    await writeFile(path.join(directory, 'first', 'broken.gguf'), 'GGUF and no more');
    await writeFile(path.join(directory, 'first', 'notes.txt'), 'x');
    await register();
    await writeTinyBert(path.join(directory, 'second', 'reranker.gguf'), { pooling: 'rank' });
    await register();
    expect((await models.listBase(anyone)).map(({ name }) => name)).toEqual(['chatty', 'encoder', 'plain', 'shared']);
    // These cannot be trained, but llama.cpp runs them.
    expect(await names()).toEqual(['chatty', 'encoder', 'experts', 'plain', 'reranker', 'shared']);
    expect(await models.get(anyone, 'experts')).toMatchObject({ kind: 'served', family: 'llama', context_length: 256 });
    expect(await models.get(anyone, 'reranker')).toMatchObject({ kind: 'served', capabilities: { encoder: true } });
    await expect(models.getBase(anyone, 'experts')).rejects.toMatchObject({ code: 'not_found' });
    for (const name of ['experts', 'reranker']) await rm(path.join(directory, 'second', `${name}.gguf`));
    await register();
    expect(await models.get(anyone, 'encoder')).toMatchObject({
      family: 'bert',
      chat: false,
      capabilities: { encoder: true },
    });
    expect(await models.get(anyone, 'plain')).toMatchObject({
      family: 'llama',
      context_length: 128,
      chat: false,
      workspace_id: null,
    });
    expect(await models.get(anyone, 'chatty')).toMatchObject({ context_length: 256, chat: true });
    const shared = await models.get(anyone, 'shared');
    expect(shared).toMatchObject({ context_length: 64 });
    expect(await models.file(shared)).toBe(path.join(directory, 'first', 'shared.gguf'));
  });

  it('keep their ids when they are registered again, and follow their files', async () => {
    const before = await models.get(anyone, 'shared');
    await rm(path.join(directory, 'first', 'shared.gguf'));
    await register();
    const after = await models.get(anyone, 'shared');
    expect(after.id).toBe(before.id);
    expect(after).toMatchObject({
      context_length: 256,
      chat: true,
      path: path.join(directory, 'second', 'shared.gguf'),
    });
  });

  it('are forgotten with their files, unless a job names them', async () => {
    await insertTrainingSurroundings(handle.database);
    await insertTrainingJob(handle.database, 'tr-1', { base_model: (await models.get(anyone, 'chatty')).id });
    for (const name of ['chatty', 'shared'])
      await rename(path.join(directory, 'second', `${name}.gguf`), path.join(directory, `${name}.gguf`));
    await register();
    expect(await names()).toEqual(expect.arrayContaining(['chatty', 'plain']));
    expect(await names()).not.toContain('shared');
  });

  it("of another workspace are not seen, and one of the own goes before everyone's", async () => {
    const model = {
      family: 'llama',
      kind: 'base' as const,
      path: '/own',
      context_length: 8,
      parameters: 1,
      chat: false,
    };
    await handle.database.insertInto('workspaces').values({ id: 'ws-2', name: 'two' }).execute();
    await handle.database
      .insertInto('models')
      .values([
        { ...model, id: 'md-own', workspace_id: 'ws-1', name: 'plain' },
        { ...model, id: 'md-other', workspace_id: 'ws-2', name: 'private' },
      ])
      .execute();
    expect(await names()).not.toContain('private');
    await expect(models.get(anyone, 'private')).rejects.toMatchObject({ code: 'unknown_model' });
    expect((await models.get(anyone, 'plain')).id).toBe('md-own');
    expect((await models.get(anyone, 'hosted-name')).id).toBe('md-own');
    expect((await models.get({ ...anyone, workspaceId: 'ws-2' }, 'plain')).workspace_id).toBeNull();
  });
});

describe('what an engine runs for a name', () => {
  const model = { family: 'llama', context_length: 8, parameters: 1, chat: true, workspace_id: 'ws-1' };
  const insert = (id: string, change: object) =>
    handle.database
      .insertInto('models')
      .values({ ...model, id, name: id, kind: 'base', path: `/${id}`, ...change })
      .execute();

  it('is asked of the database once for many requests', async () => {
    await insert('md-many', {});
    const many = await Promise.all(Array.from({ length: 100 }, () => models.serve(anyone, 'md-many')));
    expect(new Set(many)).toEqual(
      new Set([{ name: 'md-many', ref: { path: '/md-many' }, chat: true, contextTokens: 8, task: undefined }]),
    );
    expect(new Set(many).size).toBe(1);
    const other = { ...anyone, workspaceId: 'ws-2' };
    await expect(models.serve(other, 'md-many')).rejects.toMatchObject({ code: 'unknown_model' });
  });

  it('is nothing any more as soon as the model is deleted here, and a second after another server did', async () => {
    const { sha256: model_blob } = await blobs.put(Readable.from([Buffer.from('a model')]));
    await insertTrainingJob(handle.database, 'tr-2', { base_model: (await models.get(anyone, 'plain')).id });
    await handle.database
      .insertInto('checkpoints')
      .values({ job_id: 'tr-2', number: 1, step: 1, model_blob })
      .execute();
    for (const name of ['ft:here', 'ft:elsewhere']) {
      await insert(name, { kind: 'fine-tuned', path: null, training_job_id: 'tr-2', checkpoint_number: 1 });
      const path = await blobs.localPath(model_blob);
      expect(await models.serve(anyone, name)).toEqual({
        name,
        ref: { path },
        chat: true,
        contextTokens: 8,
        task: 'generation',
      });
    }
    const during = models.serve(anyone, 'ft:here');
    await models.remove(anyone, 'ft:here');
    await during;
    await expect(models.serve(anyone, 'ft:here')).rejects.toMatchObject({ code: 'unknown_model' });

    await handle.database.deleteFrom('models').where('id', '=', 'ft:elsewhere').execute();
    const answers = () =>
      models.serve(anyone, 'ft:elsewhere').then(
        () => true,
        () => false,
      );
    while (await answers()) await sleep(20);
  }, 60_000);
});
