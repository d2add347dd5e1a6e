/** In order of severity, with the names of `cloudflared --loglevel`. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['default', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];
