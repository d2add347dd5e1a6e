import process from 'node:process';
import type { LogConfig } from '../../config/config.ts';
import type { LogSink } from '../../log/logger.ts';
import { openLogFile } from './log-file.ts';
import { takesCommands } from './style.ts';
import { createTerminal } from './terminal.ts';

/** Where the daemon's lines go. Disposing it leaves a terminal tidy. */
export interface LogOutput extends Disposable {
  readonly sink: LogSink;
  /** Present for a file; see {@link LogFile.reopen}. */
  readonly reopen?: () => string | undefined;
  /** Present where there is somebody to watch: shows how far Tor's start has come. */
  readonly showBootstrap?: (percent: number, summary: string) => void;
}

/** @throws {Dns4torError} ERR_CONFIG when the log file cannot be opened */
export function openLogOutput({ file, format }: LogConfig): LogOutput {
  if (file !== undefined) {
    return { ...openLogFile(file), [Symbol.dispose]: () => {} };
  }
  if (!takesCommands(process.stderr, process.env) || format === 'json')
    return { sink: writeStderr, [Symbol.dispose]: () => {} };
  const terminal = createTerminal(writeStderr, () => process.stderr.columns);
  return { ...terminal, [Symbol.dispose]: () => terminal.clear() };
}

function writeStderr(text: string): void {
  process.stderr.write(text);
}
