import type { Clock } from '../lib/clock.ts';
import { MS_PER_SECOND } from '../lib/units.ts';
import { eventSpec, type FieldsOf, fieldSpec, type LevelOf, type LogEvent, type LogField } from './log-events.ts';
import { LOG_LEVELS, type LogFormat, type LogLevel } from './log-level.ts';
import { LogLimiter } from './log-limiter.ts';
import { printable, printableJson } from './printable.ts';

/**
 * Writes log lines. Repeated lines are counted instead, except at `debug`. Disposing the logger writes the pending
 * counts.
 */
export interface Logger extends Disposable {
  log<E extends LogEvent>(level: LevelOf<E>, event: E, fields: FieldsOf<E>): void;
}

/** A logger whose level can change while it runs. */
export interface AdjustableLogger extends Logger {
  /** Lowest level to write. */
  level: LogLevel;
}

const ABBREVIATIONS: Readonly<Record<LogLevel, string>> = {
  debug: 'DBG',
  info: 'INF',
  warn: 'WRN',
  error: 'ERR',
  fatal: 'FTL',
};

/** Appends one line, which ends with a newline. */
export type LogSink = (line: string) => void;

type Fields = Readonly<Partial<Record<LogField, string | number>>>;

interface Line {
  readonly level: LogLevel;
  readonly event: LogEvent;
  readonly fields: Fields;
}

/**
 * Creates a logger. The `default` format is cloudflared's, `2026-01-02T03:04:05Z INF message key=value`. The `json`
 * format is one object per line, with the event's stable name and all its fields.
 * @param level lowest level to write at first
 */
export function createLogger(level: LogLevel, format: LogFormat, clock: Clock, sink: LogSink): AdjustableLogger {
  let lowest = LOG_LEVELS.indexOf(level);
  const render = format === 'json' ? renderJson : renderText;
  const write = (line: Line): void => {
    sink(`${render(line, `${new Date(clock.epochMs()).toISOString().slice(0, 19)}Z`)}\n`);
  };
  const limiter = new LogLimiter<Line>(clock, (last, count, elapsedMs) => {
    const seconds = Math.max(1, Math.round(elapsedMs / MS_PER_SECOND));
    write({
      level: last.level,
      event: 'repeated',
      fields: { count, seconds, like: messageOf(last.event, last.fields), of: last.event },
    });
  });
  return {
    log(lineLevel, event, fields) {
      if (LOG_LEVELS.indexOf(lineLevel) < lowest) return;
      const line = { level: lineLevel, event, fields };
      if (lineLevel === 'debug' || limiter.admits(repetitionKey(line), line)) write(line);
    },
    get level() {
      return LOG_LEVELS[lowest] as LogLevel;
    },
    set level(to) {
      lowest = LOG_LEVELS.indexOf(to);
    },
    [Symbol.dispose]: () => limiter[Symbol.dispose](),
  };
}

/** The parts that repetitions of a line have in common. */
function repetitionKey({ level, event, fields }: Line): string {
  const apart = eventSpec(event).fields.filter((field) => fieldSpec(field).apart === true);
  return [level, event, ...apart.map((field) => String(fields[field]))].join(' ');
}

/** The event's message with its placeholders filled. */
export function messageOf(event: LogEvent, fields: Fields): string {
  return eventSpec(event).message.replace(/\{(\w+)\}/g, (_, field: LogField) => String(fields[field]));
}

function renderJson(line: Line, time: string): string {
  const { level, event, fields } = line;
  return printableJson({ level, time, event, message: messageOf(event, fields), ...fields });
}

/** Fields in the message are not repeated after it. */
function renderText(line: Line, time: string): string {
  const { fields: names, message } = eventSpec(line.event);
  const rest = names.filter((name) => !message.includes(`{${name}}`));
  const pairs = rest.map((name) => ` ${name}=${quoted(line.fields[name])}`);
  return printable(`${time} ${ABBREVIATIONS[line.level]} ${messageOf(line.event, line.fields)}${pairs.join('')}`);
}

function quoted(value: string | number | undefined): string {
  return /[\s"=]/.test(String(value)) ? printableJson(value) : String(value);
}
