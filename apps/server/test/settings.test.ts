import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createConfig } from '../src/config/config.ts';
import { childEnvironment, readEnvironment } from '../src/config/environment.ts';
import { settings } from '../src/config/settings.ts';

const source = path.join(import.meta.dirname, '..', 'src');
const page = path.join(import.meta.dirname, '..', '..', '..', 'docs', 'reference', 'settings.md');

describe('the configuration', () => {
  it('has defaults for everything', () => {
    const config = createConfig(readEnvironment({ PATH: '/bin', ATELIER_GPU: '' }));
    expect(config).toEqual({
      host: '127.0.0.1',
      port: 8400,
      publicUrl: null,
      gpu: 'auto',
      engineMemory: null,
      engineRunning: 16,
      engineSpeculation: 'off',
      engineIdleSeconds: 600,
      pinnedModels: [],
      threads: null,
      hub: 'https://huggingface.co',
      trainingJobs: 1,
      trainingSeconds: 86_400,
      uploadLimit: 512 * 1024 * 1024,
      linkSeconds: 3600,
      batches: 2,
      modelAliases: new Map(),
      modelDeprecations: new Map(),
      allowedHosts: [],
      reportingUrls: { wandbUrl: 'https://api.wandb.ai', mlflowUrl: null },
      ocrLanguages: 'eng',
      shutdownSeconds: 30,
      logLevel: 'info',
      secrets: { adminKey: null, databaseUrl: null, remoteEngines: null, hubToken: null },
      directories: {
        data: path.resolve('data'),
        blobs: path.resolve('data/blobs'),
        runs: path.resolve('data/runs'),
        postgres: path.resolve('data/postgres'),
      },
    });
  });

  it.each([
    ['ATELIER_PORT', '65536'],
    ['ATELIER_PORT', '-1'],
    ['ATELIER_PORT', '80.5'],
    ['ATELIER_PORT', '0x50'],
    ['ATELIER_PORT', ' 80'],
    ['ATELIER_GPU', 'opencl'],
    ['ATELIER_ENGINE_IDLE_SECONDS', '0'],
    ['ATELIER_PINNED_MODELS', 'a,,b'],
    ['ATELIER_LOG_LEVEL', 'loud'],
    ['ATELIER_UPLOAD_LIMIT', '10'],
    ['ATELIER_SHUTDOWN_SECONDS', '0'],
    ['ATELIER_PUBLIC_URL', 'ftp://somewhere'],
    ['ATELIER_PUBLIC_URL', 'nonsense'],
    ['DATABASE_URL', 'mysql://db'],
    ['ATELIER_ADMIN_KEY', 'short'],
    ['ATELIER_ADMIN_KEY', 'has a space in the middle'],
  ])('refuses %s=%s, naming it and not its value', (name, value) => {
    expect(() => createConfig({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'invalid_setting', details: expect.objectContaining({ name }) }),
    );
    if (name.endsWith('KEY') || name === 'DATABASE_URL')
      expect(() => createConfig({ [name]: value })).not.toThrow(value);
  });

  it.each(['0.0.0.0', '::', '192.168.1.4', 'atelier.example', '127.0.0.1.example'])(
    'refuses to listen on %s without a key of the operator',
    (host) => {
      expect(() => createConfig({ ATELIER_HOST: host })).toThrow(expect.objectContaining({ code: 'invalid_setting' }));
      expect(createConfig({ ATELIER_HOST: host, ATELIER_ADMIN_KEY: 'k'.repeat(16) }).host).toBe(host);
    },
  );

  it.each(['127.0.0.1', '127.8.9.1', '::1', 'localhost'])('listens on %s without one', (host) => {
    expect(createConfig({ ATELIER_HOST: host }).host).toBe(host);
  });

  it('gives child processes no setting and no secret', () => {
    const environment = {
      PATH: '/bin',
      CUDA_VISIBLE_DEVICES: '0',
      ATELIER_ADMIN_KEY: 'secret',
      DATABASE_URL: 'postgres://secret',
      AWS_SECRET_ACCESS_KEY: 'secret',
    };
    expect(childEnvironment(environment)).toEqual({ PATH: '/bin', CUDA_VISIBLE_DEVICES: '0' });
  });

  it('is read from the environment in one file only', async () => {
    const readers: string[] = [];
    for await (const file of glob('**/*.ts', { cwd: source })) {
      if ((await readFile(path.join(source, file), 'utf8')).includes('process.env')) readers.push(file);
    }
    expect(readers).toEqual(['config/environment.ts']);
  });
});

describe('docs/reference/settings.md', () => {
  it('says of every setting what the table in the code says, and names no other', async () => {
    const rows = (await readFile(page, 'utf8')).split('\n').filter((line) => /^\| `[A-Z_]+` \|/.test(line));
    const expected = Object.entries(settings).map(
      ([name, { default: value, doc }]) => `| \`${name}\` | ${value === null ? '' : `\`${value}\``} | ${doc} |`,
    );
    expect(rows).toEqual(expected);
  });
});
