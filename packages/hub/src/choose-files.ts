import { AtelierError } from '@atelier/errors';

export type HubFile = {
  path: string;
  size: number;
  oid?: string | undefined;
  lfs?: { oid: string; size: number } | undefined;
};

export type Choice = { kind: 'gguf' | 'safetensors'; files: HubFile[] };

/** What the converter reads of a folder. Weights in pickles and other formats are left where they are. */
const folderFile =
  /^(model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json|(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|modules)\.json|tokenizer\.model|(vocab|merges)\.txt|chat_template\.(jinja|json)|1_Pooling\/config\.json)$/;
const shardOfGguf = /-\d{5}-of-\d{5}\.gguf$/i;
/** Of a list of files in a message. */
const mostNamed = 20;

/**
 * The one GGUF file that is meant, or else the files of a folder in safetensors.
 * @throws AtelierError `hub_refused`, naming what there is
 */
export function chooseFiles(repo: string, files: readonly HubFile[], wanted: string | undefined): Choice {
  const refuse = (reason: string) => new AtelierError('hub_refused', { repo, reason });
  const ggufs = files.filter(({ path }) => /\.gguf$/i.test(path) && !/(^|\/)mmproj/i.test(path));
  if (ggufs.length > 0) {
    const exact = ggufs.filter(({ path }) => path === wanted);
    const found = exact.length > 0 ? exact : ggufs.filter(({ path }) => matches(path, wanted));
    const names = (found.length > 0 ? found : ggufs).map(({ path }) => path);
    const list = `${names.slice(0, mostNamed).join(', ')}${names.length > mostNamed ? ', ...' : ''}`;
    if (found.length === 0) throw refuse(`no file is meant by ${wanted}; there are ${list}`);
    if (found.some(({ path }) => shardOfGguf.test(path))) throw refuse('GGUF files in several parts are not read');
    if (found.length > 1) throw refuse(`name one of its files (${repo}:Q4_K_M, say): ${list}`);
    return { kind: 'gguf', files: found };
  }
  if (wanted !== undefined) throw refuse('it has no GGUF files to choose from');
  const folder = files.filter(({ path }) => folderFile.test(path));
  if (!folder.some(({ path }) => path === 'config.json')) throw refuse('it has no config.json');
  if (!folder.some(({ path }) => path.endsWith('.safetensors'))) throw refuse('it has neither GGUF nor safetensors');
  return { kind: 'safetensors', files: folder };
}

/** `Q4_K` is not meant to find `Q4_K_M`. */
function matches(path: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  const escaped = wanted.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(^|[^a-z0-9])${escaped}($|[^a-z0-9_])`, 'i').test(path.replace(/\.gguf$/i, ''));
}
