import path from 'node:path';
import { isIPv4 } from 'node:net';
import { AtelierError } from '@atelier/errors';
import type { Environment } from './environment.ts';
import { settings, type SettingName, type SettingValue } from './settings.ts';

/** What the operator keeps from others; never logged, never given to a child process. */
export type Secrets = {
  adminKey: string | null;
  databaseUrl: string | null;
  /** A file or JSON; remote-engines.ts reads it. */
  remoteEngines: string | null;
  hubToken: string | null;
};

export type Config = {
  host: string;
  port: number;
  /** Without a slash at its end; null: the address that the server listens on. */
  publicUrl: string | null;
  /** Absolute paths. */
  directories: Directories;
  gpu: SettingValue<'ATELIER_GPU'>;
  threads: number | null;
  /** Bytes. */
  engineMemory: number | null;
  engineRunning: number;
  engineSpeculation: SettingValue<'ATELIER_ENGINE_SPECULATION'>;
  engineIdleSeconds: number;
  pinnedModels: readonly string[];
  modelAliases: ReadonlyMap<string, string>;
  /** ISO days by model. */
  modelDeprecations: ReadonlyMap<string, string>;
  /** Without a slash at its end. */
  hub: string;
  trainingJobs: number;
  batches: number;
  trainingSeconds: number;
  allowedHosts: readonly string[];
  /** Without slashes at their ends. */
  reportingUrls: { wandbUrl: string; mlflowUrl: string | null };
  ocrLanguages: string;
  /** Bytes. */
  uploadLimit: number;
  linkSeconds: number;
  shutdownSeconds: number;
  logLevel: SettingValue<'ATELIER_LOG_LEVEL'>;
  secrets: Secrets;
};

export type Directories = { data: string; blobs: string; runs: string; postgres: string };

/**
 * The configuration that `environment` describes.
 * @throws AtelierError `invalid_setting`, naming the setting and never quoting its value.
 */
export function createConfig(environment: Environment): Config {
  const value = <N extends SettingName>(name: N): SettingValue<N> => {
    const given = environment[name] ?? settings[name].default;
    if (given === null) return null as SettingValue<N>;
    const parsed = settings[name].schema.safeParse(given);
    if (!parsed.success)
      throw new AtelierError('invalid_setting', {
        name,
        reason: parsed.error.issues.map((issue) => issue.message).join('; '),
      });
    return parsed.data as SettingValue<N>;
  };
  const host = value('ATELIER_HOST');
  const adminKey = value('ATELIER_ADMIN_KEY');
  if (!isLoopback(host) && adminKey === null) {
    throw new AtelierError('invalid_setting', {
      name: 'ATELIER_HOST',
      reason: `${host} can be reached from other machines: set ATELIER_ADMIN_KEY as well, or listen on 127.0.0.1`,
    });
  }
  return {
    host,
    port: value('ATELIER_PORT'),
    publicUrl: value('ATELIER_PUBLIC_URL')?.replace(/\/+$/, '') ?? null,
    directories: dataDirectories(value('ATELIER_DATA')),
    gpu: value('ATELIER_GPU'),
    threads: value('ATELIER_THREADS'),
    engineMemory: value('ATELIER_ENGINE_MEMORY'),
    engineRunning: value('ATELIER_ENGINE_RUNNING'),
    engineSpeculation: value('ATELIER_ENGINE_SPECULATION'),
    engineIdleSeconds: value('ATELIER_ENGINE_IDLE_SECONDS'),
    pinnedModels: value('ATELIER_PINNED_MODELS') ?? [],
    modelAliases: value('ATELIER_MODEL_ALIASES') ?? new Map(),
    modelDeprecations: value('ATELIER_MODEL_DEPRECATIONS') ?? new Map(),
    hub: value('ATELIER_HUB').replace(/\/+$/, ''),
    trainingJobs: value('ATELIER_TRAINING_JOBS'),
    batches: value('ATELIER_BATCHES'),
    trainingSeconds: value('ATELIER_TRAINING_SECONDS'),
    allowedHosts: value('ATELIER_ALLOWED_HOSTS') ?? [],
    reportingUrls: {
      wandbUrl: value('ATELIER_WANDB_URL').replace(/\/+$/, ''),
      mlflowUrl: value('ATELIER_MLFLOW_URL')?.replace(/\/+$/, '') ?? null,
    },
    ocrLanguages: value('ATELIER_OCR_LANGUAGES'),
    uploadLimit: value('ATELIER_UPLOAD_LIMIT'),
    linkSeconds: value('ATELIER_LINK_SECONDS'),
    shutdownSeconds: value('ATELIER_SHUTDOWN_SECONDS'),
    logLevel: value('ATELIER_LOG_LEVEL'),
    secrets: {
      adminKey,
      databaseUrl: value('DATABASE_URL'),
      remoteEngines: value('ATELIER_REMOTE_ENGINES'),
      hubToken: value('ATELIER_HUB_TOKEN'),
    },
  };
}

function dataDirectories(data: string): Directories {
  const root = path.resolve(data);
  return {
    data: root,
    blobs: path.join(root, 'blobs'),
    runs: path.join(root, 'runs'),
    postgres: path.join(root, 'postgres'),
  };
}

/** A name other than localhost is not asked of DNS: whatever it means today, it may mean another address tomorrow. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
