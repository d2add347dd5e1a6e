import type { LogSink } from '../../log/logger.ts';
import { printable } from '../../log/printable.ts';
import { BOOTSTRAPPED_PERCENT } from '../../model/tor-status.ts';

const BAR_CELLS = 30;
/** Carriage return, and ECMA-48 "erase in line". */
const ERASE_LINE = '\r\x1b[2K';

/** A terminal that shows log lines and, below them, a progress bar or a status line. */
export interface Terminal {
  readonly sink: LogSink;
  /**
   * Shows Tor's bootstrap as a progress bar. Removes it at 100 percent.
   *
   * @param isStuck whether Tor makes no progress; the log says why
   */
  showBootstrap(percent: number, summary: string, isStuck: boolean): void;
  /** Shows a status line below the log, and replaces the previous one. */
  showLine(text: string): void;
  /** Removes the progress bar or status line. */
  clear(): void;
}

/**
 * Creates a terminal.
 *
 * @param columns returns the present width
 */
export function createTerminal(write: (text: string) => void, columns: () => number): Terminal {
  let bar = '';
  const show = (next: string): void => {
    if (bar !== '' || next !== '') write(`${ERASE_LINE}${next}`);
    bar = next;
  };
  return {
    sink(line) {
      write(bar === '' ? line : `${ERASE_LINE}${line}${bar}`);
    },
    showBootstrap(percent, summary, isStuck) {
      show(percent < BOOTSTRAPPED_PERCENT ? fit(printable(renderBar(percent, summary, isStuck)), columns()) : '');
    },
    showLine: (text) => show(fit(printable(text), columns())),
    clear: () => show(''),
  };
}

function renderBar(percent: number, summary: string, isStuck: boolean): string {
  const filled = Math.floor((percent / BOOTSTRAPPED_PERCENT) * BAR_CELLS);
  const cells = '█'.repeat(filled).padEnd(BAR_CELLS, '░');
  return `Tor ${cells} ${isStuck ? 'stuck at ' : ''}${percent} % ${summary}`;
}

/** Leaves the last column free: if the terminal wrapped there, the line could not be erased. */
function fit(line: string, columns: number): string {
  return line.slice(0, Math.max(0, columns - 1));
}
