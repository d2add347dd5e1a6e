/** In order of severity, with the names of `cloudflared --loglevel`. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Formats of the log and of `--check`: lines for people, or JSON. */
export const LOG_FORMATS = ['default', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];
