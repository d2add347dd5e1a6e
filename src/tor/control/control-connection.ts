import type { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { Dns4torError, problemOf } from '../../failures/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import { formatTorAddress, type TorAddress } from '../../model/tor-address.ts';
import { connectTo } from '../connect-to.ts';
import { authenticate } from './control-auth.ts';
import { type ControlReply, ControlReplyParser } from './control-reply.ts';

/** A control port to connect to, and who receives its events. */
export interface ControlOptions {
  /** The control port, on this machine. */
  readonly address: TorAddress;
  readonly clock: Clock;
  readonly random: Random;
  /** Closes the connection. */
  readonly signal?: AbortSignal;
  /** Receives the asynchronous events (status 650) that SETEVENTS subscribed to. */
  readonly onEvent: (event: ControlReply) => void;
}

/** Time limit for a reply. Tor answers from memory; only a stopped or swapped-out Tor takes longer. */
const COMMAND_TIMEOUT_MS = 10_000;

const STATUS_EVENT = 650;

interface PendingCommand {
  readonly resolve: (lines: readonly string[]) => void;
  readonly reject: (error: Dns4torError) => void;
}

/**
 * Connects to Tor's control port and authenticates with its cookie.
 *
 * @throws Dns4torError ERR_TOR_CONTROL; while Tor does not listen yet, the cause has the system's error code (ENOENT,
 *   ECONNREFUSED)
 */
export async function openControl(options: ControlOptions): Promise<ControlConnection> {
  const { address, random } = options;
  const connection = new ControlConnection(connectTo(address), options);
  try {
    await authenticate((command) => connection.command(command), address, random);
    return connection;
  } catch (error) {
    connection[Symbol.dispose]();
    if (error instanceof Dns4torError) throw error;
    throw new Dns4torError('ERR_TOR_CONTROL', `${formatTorAddress(address)}: ${problemOf(error)}`, error);
  }
}

/** An authenticated connection to Tor's control port. */
export class ControlConnection implements Disposable {
  /** Resolves with the reason once the connection has closed. */
  readonly closed: Promise<Dns4torError>;
  readonly #socket: Socket;
  readonly #options: ControlOptions;
  readonly #parser: ControlReplyParser = new ControlReplyParser();
  /** Commands without a reply yet. Tor replies in the order of the commands. */
  readonly #pending: PendingCommand[] = [];
  readonly #resolveClosed: (reason: Dns4torError) => void;

  constructor(socket: Socket, options: ControlOptions) {
    this.#socket = socket;
    this.#options = options;
    ({ promise: this.closed, resolve: this.#resolveClosed } = Promise.withResolvers<Dns4torError>());
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('Tor closed the control connection')));
    if (options.signal !== undefined) addAbortSignal(options.signal, socket);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /**
   * Sends one command and returns the lines of its reply.
   *
   * @param onReply also receives the lines, synchronously: before the events that Tor sent after the reply
   * @throws Dns4torError ERR_TOR_CONTROL Tor rejected the command, closed the connection, or did not reply within 10 s;
   *   the message never quotes the command, which may hold a key
   */
  async command(command: string, onReply?: (lines: readonly string[]) => void): Promise<readonly string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    if (!this.isOpen) throw new Dns4torError('ERR_TOR_CONTROL', 'connection closed');
    this.#pending.push({
      resolve(lines) {
        onReply?.(lines);
        resolve(lines);
      },
      reject,
    });
    this.#socket.write(`${command}\r\n`);
    // A late reply would be mistaken for the reply to the next command, so a time-out closes the connection.
    const timer = this.#options.clock.schedule(COMMAND_TIMEOUT_MS, () => this.#fail(new Error('no reply in time')));
    try {
      return await promise;
    } finally {
      timer.cancel();
    }
  }

  /** Closes the connection. Tor exits if this connection has taken ownership of it. */
  [Symbol.dispose](): void {
    this.#fail(new Error('closed by dns4tor'));
  }

  #receive(text: string): void {
    try {
      for (const reply of this.#parser.push(text)) this.#dispatch(reply);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #dispatch(reply: ControlReply): void {
    if (reply.status === STATUS_EVENT) return this.#options.onEvent(reply);
    const command = this.#pending.shift();
    if (command === undefined) throw new Error('reply without a command');
    if (isPositive(reply)) return command.resolve(reply.lines);
    command.reject(new Dns4torError('ERR_TOR_CONTROL', `${reply.status} ${reply.lines.join('; ')}`));
  }

  #fail(cause: Error): void {
    const { code, message } = cause as NodeJS.ErrnoException;
    const where = formatTorAddress(this.#options.address);
    const error = new Dns4torError('ERR_TOR_CONTROL', `${where} (${code ?? message})`, cause);
    this.#socket.destroy();
    for (const { reject } of this.#pending.splice(0)) reject(error);
    this.#resolveClosed(error);
  }
}

/**
 * Whether a reply is a 2yz "positive completion reply" of control-spec: mostly 250; ONION_CLIENT_AUTH_ADD has two more.
 */
function isPositive({ status }: ControlReply): boolean {
  return Math.floor(status / 100) === 2;
}
