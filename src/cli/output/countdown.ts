import process from 'node:process';
import { MS_PER_SECOND } from '../../lib/units.ts';
import type { Machine } from '../../system/machine.ts';
import { waitUntilDue } from '../../system/settle.ts';
import { takesCommands } from './style.ts';
import { createTerminal } from './terminal.ts';
import { columnsOf } from './terminal-size.ts';

/**
 * Keeps a closed terminal from ending the process, until it is disposed. Without systemd, only this process acts on the
 * deadline of a pause or of a confirmation.
 */
export function ignoreHangUps(): Disposable {
  const onHangUp = (): void => {};
  process.on('SIGHUP', onHangUp);
  return { [Symbol.dispose]: () => process.off('SIGHUP', onHangUp) };
}

/**
 * Waits until a deadline or Ctrl-C, and shows the remaining time on a terminal.
 *
 * @param announcement printed once Ctrl-C no longer kills the process
 * @param what follows the remaining time
 */
export async function countDown(
  { fs, clock }: Machine,
  untilEpochMs: number,
  { announcement, what }: { readonly announcement: string; readonly what: string },
): Promise<'due' | 'changed' | 'aborted'> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  const terminal = createTerminal(
    (text) => process.stderr.write(text),
    () => columnsOf(process.stderr),
  );
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  process.stdout.write(announcement);
  try {
    return await waitUntilDue(untilEpochMs, {
      fs,
      clock,
      signal: stop.signal,
      onTick: (leftMs) => {
        if (takesCommands(process.stderr, process.env)) terminal.showLine(`${formatLeft(leftMs)} ${what}`);
      },
    });
  } finally {
    terminal.clear();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** Formats a time as `minutes:seconds`. */
function formatLeft(leftMs: number): string {
  const seconds = Math.ceil(leftMs / MS_PER_SECOND);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
