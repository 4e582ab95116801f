/** What the engine logs to; pino's loggers fit. */
export type EngineLogger = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};
