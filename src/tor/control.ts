import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { Dns4torError } from '../lib/errors.ts';
import { type ControlReply, ControlReplyParser } from './control-reply.ts';

export interface ControlOptions {
  /** Path of tor's ControlSocket. */
  readonly socketPath: string;
  /** Path of its CookieAuthFile. */
  readonly cookiePath: string;
  readonly clock: Clock;
  /** Is called with each asynchronous event (status 650) that SETEVENTS asked for. */
  readonly onEvent: (event: ControlReply) => void;
}

// Tor answers every command of ours from memory. A tor that is stopped or swapped out does not.
const COMMAND_TIMEOUT_MS = 10_000;

const STATUS_OK = 250;
const STATUS_EVENT = 650;

interface PendingCommand {
  readonly resolve: (lines: readonly string[]) => void;
  readonly reject: (error: Dns4torError) => void;
}

/**
 * A connection to a tor's control port, authenticated with its cookie.
 *
 * @throws Dns4torError ERR_TOR_CONTROL; its cause has the system's code (ENOENT, ECONNREFUSED) while tor does not listen yet
 */
export async function openControl(options: ControlOptions): Promise<ControlConnection> {
  const socket = connect({ path: options.socketPath });
  try {
    await once(socket, 'connect');
  } catch (error) {
    throw new Dns4torError('ERR_TOR_CONTROL', options.socketPath, error);
  }
  const connection = new ControlConnection(socket, options);
  try {
    // Allowed before authentication. Tor accepts connections before it has written a new cookie, and answers after that.
    await connection.command('PROTOCOLINFO 1');
    const cookie = await readFile(options.cookiePath, 'hex').catch((error: unknown) => {
      throw new Dns4torError('ERR_TOR_CONTROL', options.cookiePath, error);
    });
    await connection.command(`AUTHENTICATE ${cookie}`);
    return connection;
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}

export class ControlConnection implements Disposable {
  readonly #socket: Socket;
  readonly #options: ControlOptions;
  readonly #parser: ControlReplyParser = new ControlReplyParser();
  /** Tor answers in the order of the commands. */
  readonly #pending: PendingCommand[] = [];

  constructor(socket: Socket, options: ControlOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('tor closed the control connection')));
  }

  /**
   * Sends one command and returns the text of the reply's lines.
   *
   * @throws Dns4torError ERR_TOR_CONTROL tor refused it, hung up, or gave no answer within 10 s
   */
  async command(command: string): Promise<readonly string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    if (this.#socket.destroyed) throw new Dns4torError('ERR_TOR_CONTROL', 'connection closed');
    this.#pending.push({ resolve, reject });
    this.#socket.write(`${command}\r\n`);
    // A late reply would be taken for that of the next command, so the connection goes with the command.
    const timer = this.#options.clock.schedule(COMMAND_TIMEOUT_MS, () => this.#fail(new Error('no reply in time')));
    try {
      return await promise;
    } finally {
      timer.cancel();
    }
  }

  /** Closes the connection. A tor of which it took ownership ends. */
  [Symbol.dispose](): void {
    this.#fail(new Error('closed by dns4tor'));
  }

  #receive(text: string): void {
    try {
      for (const reply of this.#parser.push(text)) this.#dispatch(reply);
    } catch (error) {
      this.#fail(error);
    }
  }

  #dispatch(reply: ControlReply): void {
    if (reply.status === STATUS_EVENT) return this.#options.onEvent(reply);
    const command = this.#pending.shift();
    if (command === undefined) throw new Error('a reply to no command');
    if (reply.status === STATUS_OK) return command.resolve(reply.lines);
    command.reject(new Dns4torError('ERR_TOR_CONTROL', `${reply.status} ${reply.lines.join('; ')}`));
  }

  #fail(cause: unknown): void {
    this.#socket.destroy();
    for (const { reject } of this.#pending.splice(0))
      reject(new Dns4torError('ERR_TOR_CONTROL', this.#options.socketPath, cause));
  }
}
