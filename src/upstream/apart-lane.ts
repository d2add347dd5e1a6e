import type { Deadline } from '../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../lib/errors.ts';
import type { Circuit } from './circuit.ts';
import { WaitingRoom } from './waiting-room.ts';

/**
 * Asks queries one at a time, over a connection that carries nothing else and is closed when no query is left. A query on which that
 * connection ends is the reason for its end.
 */
export class ApartLane implements AsyncDisposable {
  readonly #createCircuit: (onChange: () => void) => Circuit;
  readonly #waitingRoom = new WaitingRoom();
  #circuit: Circuit | undefined;
  #pending = 0;

  /** @param createCircuit makes a circuit that is not open yet; `onChange` is to be called as its connection says */
  constructor(createCircuit: (onChange: () => void) => Circuit) {
    this.#createCircuit = createCircuit;
  }

  /** Queries that wait for their turn or are asked. */
  get size(): number {
    return this.#pending;
  }

  /** Rejects with ERR_QUERY_DROPS_CONNECTION where the connection ends on the query; else as {@link Circuit.exchange}. */
  async exchange(query: Uint8Array, deadline: Deadline, onAnswer: (durationMs: number) => void): Promise<Uint8Array> {
    this.#pending++;
    const expired = (): Dns4torError => new Dns4torError('ERR_UPSTREAM_CONNECTION');
    try {
      const answer = this.#waitingRoom.wait(deadline, expired, () => this.#ask(query, deadline, onAnswer));
      this.#circuit ??= this.#createCircuit(() => this.#admit());
      this.#admit();
      return await answer;
    } finally {
      if (--this.#pending === 0) await this.#close();
    }
  }

  /** To be called when a connection may be attempted again. */
  open(): void {
    if (this.#waitingRoom.size > 0) void this.#circuit?.open();
  }

  /** Sends all away that wait. */
  refuse(error: Dns4torError): void {
    this.#waitingRoom.refuse(error);
  }

  #admit(): void {
    this.#waitingRoom.admit(() => this.#circuit?.hasRoom === true && this.#circuit.inFlight === 0);
    this.open();
  }

  async #ask(query: Uint8Array, deadline: Deadline, onAnswer: (durationMs: number) => void): Promise<Uint8Array> {
    try {
      return await (this.#circuit as Circuit).exchange(query, deadline, onAnswer);
    } catch (thrown) {
      const error = toDns4torError(thrown);
      throw error.code === 'ERR_UPSTREAM_CONNECTION'
        ? new Dns4torError('ERR_QUERY_DROPS_CONNECTION', undefined, error)
        : error;
    }
  }

  async #close(): Promise<void> {
    const circuit = this.#circuit;
    this.#circuit = undefined;
    await circuit?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#waitingRoom.refuse(new Dns4torError('ERR_SHUTDOWN'));
    await this.#close();
  }
}
