import { AtelierError } from '@atelier/errors';

export type Reference = {
  /** `organisation/name`, or a name alone for the oldest models. */
  repo: string;
  /** A branch, a tag or a commit. */
  revision: string;
  /** Which of several GGUF files: a file's path, or a part of its name such as `Q4_K_M`. */
  file: string | undefined;
};

const namePart = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/;
const revisionPart = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/;

/**
 * `repo`, `repo@revision`, `repo:file` or both, or the page of a repository at `endpoint`.
 * @throws AtelierError `invalid_request`
 */
export function parseReference(text: string, endpoint: string): Reference {
  const page = pageOf(text, endpoint);
  const [, repo = '', revision = 'main', file] = page ?? /^([^@:]+)(?:@([^:]+))?(?::(.+))?$/s.exec(text) ?? [];
  const parts = repo.split('/');
  if (parts.length > 2 || !parts.every((part) => namePart.test(part)) || repo.includes('..'))
    throw invalid('a model is named organisation/name, organisation/name@revision or organisation/name:file');
  if (!revisionPart.test(revision) || revision.includes('..')) throw invalid('the revision is none');
  if (file !== undefined && (file.length > 300 || /[\p{Cc}\\]/u.test(file))) throw invalid('the file is none');
  return { repo, revision, file };
}

/** The parts of a URL of `endpoint`, as the expression for short names finds them. */
function pageOf(text: string, endpoint: string): (string | undefined)[] | undefined {
  if (!/^https?:/i.test(text)) return undefined;
  const url = URL.parse(text);
  if (url?.origin !== new URL(endpoint).origin) throw invalid(`models come from ${new URL(endpoint).host} only`);
  const [, repo, revision, file] =
    /^\/([^/]+(?:\/[^/]+)?)(?:\/(?:tree|blob|resolve)\/([^/]+)(?:\/(.+))?)?\/?$/.exec(url.pathname) ?? [];
  return [text, repo, revision, file];
}

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}
