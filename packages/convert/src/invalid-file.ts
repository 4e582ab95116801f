import path from 'node:path';
import { AtelierError } from '@atelier/errors';

/** The error for a file that is not what it should be; it names the file without its directory. */
export function invalidFile(file: string, reason: string, cause?: unknown): AtelierError {
  return new AtelierError('invalid_model_file', { file: path.basename(file), reason }, cause);
}

/** Text of a hostile file, made fit for a message: short and printable. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
