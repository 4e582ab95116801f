import koffi from 'koffi';
import { ggml_log_level } from '../generated/enums.ts';
import type { CFunctions } from './functions.ts';
import type { Pointer } from './pointer.ts';
import { parsePrototype } from './types.ts';
import { callbackPrototypes } from '../generated/callbacks.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** Receives whole lines, without the line break. */
export type LogListener = (level: LogLevel, text: string) => void;

const levels: Record<number, LogLevel> = {
  [ggml_log_level.GGML_LOG_LEVEL_NONE]: 'info',
  [ggml_log_level.GGML_LOG_LEVEL_DEBUG]: 'debug',
  [ggml_log_level.GGML_LOG_LEVEL_INFO]: 'info',
  [ggml_log_level.GGML_LOG_LEVEL_WARN]: 'warn',
  [ggml_log_level.GGML_LOG_LEVEL_ERROR]: 'error',
};

/** Takes the place of the native log on standard error; without a listener nothing is printed. */
export class LogRoute {
  listener: LogListener | undefined;
  private errors: string[] | undefined;
  private level: LogLevel = 'info';
  private line = '';

  constructor(c: CFunctions) {
    const { result, parameters } = parsePrototype(callbackPrototypes.ggml_log_callback);
    const receive = (level: number, text: string | null): void => this.receive(level, text ?? '');
    const callback = koffi.register(receive, koffi.pointer(koffi.proto(result, parameters)));
    c.llama_log_set(callback as Pointer<'ggml_log_callback'>, null);
    // Native destructors may log after JavaScript is gone.
    process.once('exit', () => c.llama_log_set(null, null));
  }

  /** Runs a call and returns the error lines logged meanwhile, which go to the listener as well. */
  collectErrors<T>(call: () => T): { result: T; errors: string[] } {
    const errors: string[] = [];
    this.errors = errors;
    try {
      return { result: call(), errors };
    } finally {
      this.flush();
      this.errors = undefined;
    }
  }

  /** What native code calls. Lines arrive in pieces: a piece of level CONT goes on with the line before it. */
  receive(level: number, text: string): void {
    if (level !== ggml_log_level.GGML_LOG_LEVEL_CONT) {
      this.flush();
      this.level = levels[level] ?? 'info';
    }
    const parts = (this.line + text).split('\n');
    this.line = parts.pop() ?? '';
    for (const part of parts) this.emit(part);
  }

  private flush(): void {
    if (this.line !== '') this.emit(this.line);
    this.line = '';
  }

  private emit(line: string): void {
    if (line === '') return;
    if (this.level === 'error') this.errors?.push(line);
    this.listener?.(this.level, line);
  }
}
