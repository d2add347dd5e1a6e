import type { Clock } from './clock.ts';

/** In order of severity; the names that `cloudflared --loglevel` takes. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['default', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Values of a line's fields. Query names and client addresses are never among them. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** Writes one line of its level. */
export type Log = (message: string, fields?: LogFields) => void;

export type Logger = Readonly<Record<LogLevel, Log>>;

const ABBREVIATIONS: Readonly<Record<LogLevel, string>> = {
  debug: 'DBG',
  info: 'INF',
  warn: 'WRN',
  error: 'ERR',
  fatal: 'FTL',
};

/** Where lines go: appends one line, its newline included. */
export type LogSink = (line: string) => void;

/** Writes lines in the shape of cloudflared's: `2026-01-02T03:04:05Z INF message key=value`, or one JSON object each. */
export function createLogger(level: LogLevel, format: LogFormat, clock: Clock, sink: LogSink): Logger {
  const lowest = LOG_LEVELS.indexOf(level);
  const at = (lineLevel: LogLevel): Log => {
    if (LOG_LEVELS.indexOf(lineLevel) < lowest) return () => {};
    return (message, fields = {}) => {
      const time = `${new Date(clock.epochMs()).toISOString().slice(0, 19)}Z`;
      sink(
        format === 'json'
          ? `${JSON.stringify({ level: lineLevel, time, message, ...fields })}\n`
          : `${time} ${ABBREVIATIONS[lineLevel]} ${message}${formatFields(fields)}\n`,
      );
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') };
}

function formatFields(fields: LogFields): string {
  return Object.entries(fields)
    .map(([key, value]) => ` ${key}=${/[\s"=]/.test(String(value)) ? JSON.stringify(value) : value}`)
    .join('');
}
