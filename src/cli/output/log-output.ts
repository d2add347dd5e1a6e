import { closeSync, openSync, writeSync } from 'node:fs';
import process from 'node:process';
import type { LogConfig } from '../../config/config.ts';
import { ConfigError } from '../../config/config-problem.ts';
import { toDns4torError } from '../../failures/errors.ts';
import type { LogSink } from '../../log/logger.ts';
import { takesCommands } from './style.ts';
import { createTerminal, type Terminal } from './terminal.ts';
import { columnsOf } from './terminal-size.ts';

/** A log that is appended to a file. */
interface LogFile {
  readonly sink: LogSink;
  /**
   * Reopens the path after log rotation has moved the file away.
   *
   * @returns the system's reason if that fails; the log then continues in the old file
   */
  reopen(): string | undefined;
}

/** The destination of the daemon's log. Disposing it removes a progress bar from the terminal. */
interface LogOutput extends Disposable {
  readonly sink: LogSink;
  /** Present for a file: see {@link LogFile.reopen}. */
  readonly reopen?: () => string | undefined;
  /** Present on a terminal: shows the progress of Tor's bootstrap. */
  readonly bootstrapDisplay?: Pick<Terminal, 'clear' | 'showBootstrap'>;
}

/** Opens the log: a file or stderr. @throws {ConfigError} if the file cannot be opened */
export function openLogOutput({ file, format }: LogConfig): LogOutput {
  if (file !== undefined) return { ...openLogFile(file), [Symbol.dispose]: () => {} };
  if (!takesCommands(process.stderr, process.env) || format === 'json') {
    return { sink: writeStderr, [Symbol.dispose]: () => {} };
  }
  const terminal = createTerminal(writeStderr, () => columnsOf(process.stderr));
  return { sink: terminal.sink, bootstrapDisplay: terminal, [Symbol.dispose]: () => terminal.clear() };
}

/** @throws {ConfigError} if the file cannot be opened */
export function openLogFile(path: string): LogFile {
  let descriptor = openToAppend(path);
  return {
    sink(line) {
      try {
        writeSync(descriptor, line);
      } catch {
        // A full disk must not stop name resolution, and there is no better place to report it.
      }
    },
    reopen() {
      try {
        const next = openToAppend(path);
        closeSync(descriptor);
        descriptor = next;
        return undefined;
      } catch (error) {
        const { cause } = toDns4torError(error);
        return cause instanceof Error ? cause.message : String(cause);
      }
    },
  };
}

function openToAppend(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (error) {
    throw new ConfigError([{ problem: `--logfile: '${path}' cannot be opened`, remedy: 'choose another file' }], error);
  }
}

function writeStderr(text: string): void {
  process.stderr.write(text);
}
