/** Models of a hub as GGUF files in a directory: downloaded, compared with the hub's hashes, converted where they have to be. */
import { access, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { runConversion } from '@atelier/convert';
import { AtelierError } from '@atelier/errors';
import { listFiles, modelInfo } from '@huggingface/hub';
import { chooseFiles, type HubFile } from './choose-files.ts';
import { downloadFile, type Source } from './download-file.ts';
import { hubError } from './hub-error.ts';
import { parseReference } from './reference.ts';

export type PullProgress = {
  doing: 'download' | 'convert';
  /** A file or a tensor. */
  at: string;
  /** Bytes, or tensors, of `total`. */
  done: number;
  total: number;
};

export type PullOptions = {
  /** Where models are; it is made when missing. */
  directory: string;
  /** The hub, `https://huggingface.co` for one. */
  endpoint: string;
  token?: string | undefined;
  /** Of the model's file, without `.gguf`. Absent: the name of the GGUF file or of the repository. */
  name?: string | undefined;
  /** Names the file after repository, file and commit as well, and takes the one that is there already. */
  byCommit?: boolean | undefined;
  /** How a converted model's matrices are stored. */
  type?: string | undefined;
  /** Of the converter's process; nothing secret belongs here. */
  environment?: NodeJS.ProcessEnv | undefined;
  onProgress?: ((progress: PullProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
  backoffMs?: number | undefined;
};

const fileName = /^[^\p{Cc}/\\]{1,200}$/u;
/** Of one repository's list. */
const mostFiles = 20_000;

/**
 * Brings a model into `directory` and gives its file. `what`: see `parseReference`, or a folder or GGUF file of this machine.
 * What was downloaded by a pull that was cut short is gone on with.
 * @throws AtelierError `invalid_request`, `conflict` when there is a model of this name, `hub_unavailable`, `hub_refused`,
 *   `invalid_model_file`, `unsupported_model`, `cancelled`, `storage_full`
 */
export async function pullModel(what: string, options: PullOptions): Promise<string> {
  const local = await stat(what).catch(() => undefined);
  await mkdir(options.directory, { recursive: true });
  if (local?.isDirectory()) {
    const to = await free(options, path.basename(path.resolve(what)));
    await convert(what, to, options);
    return to;
  }
  if (local) {
    const to = await free(options, path.basename(what, '.gguf'));
    await copyFile(what, `${to}.part`);
    await rename(`${to}.part`, to);
    return to;
  }
  const endpoint = options.endpoint.replace(/\/+$/, '');
  const { repo, revision, file } = parseReference(what, endpoint);
  try {
    return await fromHub({ endpoint, repo, token: options.token }, revision, file, options);
  } catch (error) {
    throw hubError(error, endpoint, repo, options.signal);
  }
}

async function fromHub(
  hub: Omit<Source, 'commit'>,
  revision: string,
  wanted: string | undefined,
  options: PullOptions,
): Promise<string> {
  const { repo } = hub;
  const common = {
    hubUrl: hub.endpoint,
    fetch: fetchFrom(hub.endpoint, options.signal),
    ...(hub.token && { accessToken: hub.token }),
  };
  const { sha: commit } = await modelInfo({ name: repo, revision, additionalFields: ['sha'], ...common });
  if (!/^[0-9a-f]{40,64}$/.test(String(commit)))
    throw new AtelierError('hub_refused', { repo, reason: 'it has no commit' });
  const files: HubFile[] = [];
  for await (const entry of listFiles({ repo, revision: commit, recursive: true, ...common })) {
    if (entry.type === 'file') files.push(entry);
    if (files.length > mostFiles) throw new AtelierError('hub_refused', { repo, reason: 'it has too many files' });
  }
  const chosen = chooseFiles(repo, files, wanted);
  const gguf = chosen.kind === 'gguf';
  const own = path.basename(gguf ? chosen.files[0]!.path : repo, '.gguf');
  const cached = path.join(
    options.directory,
    `${repo.replace('/', '--')}${gguf ? `--${own}` : ''}-${commit.slice(0, 12)}.gguf`,
  );
  if (options.byCommit && (await isThere(cached))) return cached;
  const to = options.byCommit ? cached : await free(options, own);
  const aside = path.join(options.directory, '.pull', repo.replace('/', '--'), commit);
  const total = chosen.files.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for (const file of chosen.files) {
    const onBytes = (bytes: number) =>
      options.onProgress?.({ doing: 'download', at: file.path, done: before + bytes, total });
    const at = path.join(aside, gguf ? path.basename(to) : file.path);
    await downloadFile(file, at, { ...hub, commit }, { onBytes, signal: options.signal, backoffMs: options.backoffMs });
    before += file.size;
  }
  if (gguf) await rename(path.join(aside, path.basename(to)), to);
  else await convert(aside, to, options);
  await rm(aside, { recursive: true, force: true });
  return to;
}

/** The hub's own pages say where the next one is; only the hub is asked. */
function fetchFrom(endpoint: string, signal: AbortSignal | undefined): typeof fetch {
  const { origin } = new URL(endpoint);
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== origin) throw new TypeError('another origin');
    return await fetch(url, { ...init, ...(signal && { signal }) });
  };
}

async function convert(
  directory: string,
  to: string,
  { type, environment, onProgress, signal }: PullOptions,
): Promise<void> {
  await runConversion(['convert', ...(type === undefined ? [] : [`--type=${type}`]), '--', directory, to], {
    environment,
    signal,
    onProgress: ({ tensor, ...progress }) => onProgress?.({ doing: 'convert', at: tensor, ...progress }),
  });
}

/** The path of a model that is to come. */
async function free({ directory, name: given }: PullOptions, own: string): Promise<string> {
  const name = given ?? own;
  if (!fileName.test(name) || name.startsWith('.'))
    throw new AtelierError('invalid_request', { reason: 'the name cannot be a file' });
  const to = path.join(directory, `${name}.gguf`);
  if (await isThere(to))
    throw new AtelierError('conflict', {
      reason: `There is a model ${name} already: give another name, or remove its file`,
    });
  return to;
}

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
