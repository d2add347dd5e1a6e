import type { LogSink } from '../../log/logger.ts';
import { printable } from '../../log/printable.ts';
import { BOOTSTRAPPED_PERCENT } from '../../model/tor-status.ts';

const BAR_CELLS = 30;
/** ECMA-48: to the line's beginning, and erase the line. */
const ERASE_LINE = '\r\x1b[2K';

/** A terminal that shows log lines, and below them how far Tor's start has come. */
export interface Terminal {
  readonly sink: LogSink;
  /** Draws the progress bar, and takes it away when it is complete. */
  showBootstrap(percent: number, summary: string): void;
  /** Shows one line below the others, in place of the one before. */
  showLine(text: string): void;
  /** Takes a progress bar or line away that is still there. */
  clear(): void;
}

/** @param write to a terminal of `columns()` columns */
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
    showBootstrap(percent, summary) {
      show(percent < BOOTSTRAPPED_PERCENT ? fit(printable(renderBar(percent, summary)), columns()) : '');
    },
    showLine: (text) => show(fit(printable(text), columns())),
    clear: () => show(''),
  };
}

function renderBar(percent: number, summary: string): string {
  const filled = Math.floor((percent / BOOTSTRAPPED_PERCENT) * BAR_CELLS);
  const cells = '█'.repeat(filled).padEnd(BAR_CELLS, '░');
  return `Tor ${cells} ${percent} % ${summary}`;
}

/** One short of the last column: a terminal that wraps there could not erase the line any more. */
function fit(line: string, columns: number): string {
  return line.slice(0, Math.max(0, columns - 1));
}
