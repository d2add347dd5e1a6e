import { constants } from 'node:os';
import type { ReadStream, WriteStream } from 'node:tty';
import { SIGNAL_EXIT_BASE } from '../exit-codes.ts';
import { columnsOf, rowsOf } from './terminal-size.ts';

/** DEC private modes: alternate screen, and cursor visibility. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
/** ECMA-48: cursor to the upper left corner; erase to the end of the line; erase to the end of the screen. */
const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';

const CTRL_C = '\x03';
const CTRL_D = '\x04';
const QUIT_KEYS: readonly string[] = ['q', 'Q', CTRL_C, CTRL_D];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const ENDS = ['exit', 'uncaughtExceptionMonitor'] as const;

/** The part of `process` that a screen uses. */
export interface ScreenProcess {
  readonly stdin: Pick<ReadStream, 'isTTY' | 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>;
  readonly stdout: Pick<WriteStream, 'write' | 'columns' | 'rows' | 'on' | 'off'>;
  on(event: string, listener: (signal: NodeJS.Signals) => void): unknown;
  off(event: string, listener: (signal: NodeJS.Signals) => void): unknown;
}

/**
 * A full-screen display. The terminal is restored when it is disposed, and whenever the process exits without SIGKILL.
 */
export class Screen implements Disposable {
  readonly #process: ScreenProcess;
  readonly #quitting = new AbortController();
  #exitCode = 0;
  #lines: readonly string[] = [];
  #footer = '';
  #left = false;

  constructor(process: ScreenProcess) {
    this.#process = process;
    const { stdin, stdout } = process;
    // In raw mode, keys arrive one by one without echo, and Ctrl-C is an ordinary key.
    if (stdin.isTTY) stdin.setRawMode(true).resume();
    stdin.on('data', this.#onKeys);
    stdout.on('resize', this.#redraw);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    // A defect must be reported on the normal screen, where the message stays visible.
    for (const end of ENDS) process.on(end, this.#leave);
    stdout.write(ENTER);
  }

  /** Aborted when the user quits, by `q`, Ctrl-C or a signal. */
  get signal(): AbortSignal {
    return this.#quitting.signal;
  }

  /** 0 after a key; after a signal, the code by the shells' convention. */
  get exitCode(): number {
    return this.#exitCode;
  }

  get columns(): number {
    return columnsOf(this.#process.stdout);
  }

  /** Replaces the display with these lines and the footer. Lines that do not fit are left out. */
  draw(lines: readonly string[], footer: string): void {
    this.#lines = lines;
    this.#footer = footer;
    this.#redraw();
  }

  readonly #redraw = (): void => {
    const { stdout } = this.#process;
    // One write that overwrites each line, so that nothing flickers.
    const shown = [...this.#lines.slice(0, rowsOf(stdout) - 1), this.#footer].map((line) => `${line}${ERASE_LINE}`);
    stdout.write(`${HOME}${shown.join('\r\n')}${ERASE_BELOW}`);
  };

  readonly #onKeys = (keys: Buffer): void => {
    const text = keys.toString('latin1');
    if (QUIT_KEYS.some((key) => text.includes(key))) this.#quitting.abort();
  };

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#exitCode = SIGNAL_EXIT_BASE + constants.signals[signal];
    this.#quitting.abort();
  };

  readonly #leave = (): void => {
    if (this.#left) return;
    this.#left = true;
    const { stdin, stdout } = this.#process;
    stdout.write(LEAVE);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  };

  [Symbol.dispose](): void {
    this.#leave();
    const { stdin, stdout } = this.#process;
    stdin.off('data', this.#onKeys);
    stdout.off('resize', this.#redraw);
    for (const signal of SIGNALS) this.#process.off(signal, this.#onSignal);
    for (const end of ENDS) this.#process.off(end, this.#leave);
  }
}
