import { closeSync, openSync, writeSync } from 'node:fs';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { LogSink } from '../../log/logger.ts';

/** A log that is appended to a file. */
export interface LogFile {
  readonly sink: LogSink;
  /**
   * Reopens the path after log rotation has moved the file away.
   * @returns the system's reason if that fails; the log then continues in the old file
   */
  reopen(): string | undefined;
}

/** @throws {Dns4torError} ERR_CONFIG when the file cannot be opened */
export function openLogFile(path: string): LogFile {
  let descriptor = openToAppend(path);
  return {
    sink(line) {
      try {
        writeSync(descriptor, line);
      } catch {
        // A full disk must not take name resolution with it, and there is no better place to say so.
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
    throw new Dns4torError('ERR_CONFIG', `--logfile ${path} cannot be opened`, error);
  }
}
