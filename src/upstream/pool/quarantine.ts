import type { Deadline } from '../../lib/deadline.ts';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { PooledConnection, PooledConnectionOwner } from './pooled-connection.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * Sends queries one at a time over a dedicated connection, which closes when no query is left. If that connection is
 * lost, the query in flight is to blame.
 */
export class Quarantine implements AsyncDisposable {
  readonly #createCircuit: (owner: PooledConnectionOwner) => PooledConnection;
  readonly #waitingRoom = new WaitQueue();
  /** Opening or open. */
  #circuit: PooledConnection | undefined;
  /** Closed with the last query, because one may still be in flight. */
  #ended: PooledConnection[] = [];
  #pending = 0;

  /** @param createCircuit creates a circuit without opening it */
  constructor(createCircuit: (owner: PooledConnectionOwner) => PooledConnection) {
    this.#createCircuit = createCircuit;
  }

  /** Queries that are queued or in flight. */
  get size(): number {
    return this.#pending;
  }

  /**
   * Sends one query when its turn comes, and calls `onSend` then.
   * Rejects with ERR_QUERY_DROPS_CONNECTION if the connection is lost while the query is in flight, with what
   * {@link refuse} was given, otherwise as {@link WaitQueue.wait} and {@link PooledConnection.exchange} do.
   */
  async exchange(query: Uint8Array, deadline: Deadline, onSend: () => void): Promise<Uint8Array> {
    this.#pending++;
    const expired = (): Dns4torError => new Dns4torError('ERR_UPSTREAM_CONNECTION');
    try {
      const take = (): Promise<Uint8Array> => {
        onSend();
        return this.#ask(query, deadline);
      };
      const answer = this.#waitingRoom.wait({ deadline, expired, hasRoom: this.#hasRoom, take });
      this.#admit();
      return await answer;
    } finally {
      if (--this.#pending === 0) await this.#close();
    }
  }

  /** Opens the connection if queries are waiting. Called when the breaker allows another attempt. */
  open(): void {
    if (this.#waitingRoom.size === 0 || this.#circuit !== undefined) return;
    const circuit = this.#createCircuit({
      onOpen: () => this.#admit(),
      onChange: () => this.#admit(),
      onSettled() {},
      onEnd: (ended, cause) => {
        if (this.#circuit === ended) this.#circuit = undefined;
        this.#ended.push(ended);
        return cause !== 'unopened';
      },
    });
    if (circuit.open()) this.#circuit = circuit;
  }

  /** Rejects all waiting queries with `error`. */
  refuse(error: Dns4torError): void {
    this.#waitingRoom.refuse(error);
  }

  readonly #hasRoom = (): boolean => this.#circuit?.hasRoom === true && this.#circuit.inFlight === 0;

  #admit(): void {
    this.#waitingRoom.admit(this.#hasRoom);
    this.open();
  }

  async #ask(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    try {
      return await (this.#circuit as PooledConnection).exchange(query, deadline);
    } catch (thrown) {
      const error = toDns4torError(thrown);
      throw error.code === 'ERR_UPSTREAM_CONNECTION'
        ? new Dns4torError('ERR_QUERY_DROPS_CONNECTION', undefined, error)
        : error;
    }
  }

  async #close(): Promise<void> {
    const circuits = this.#circuit === undefined ? this.#ended : [this.#circuit, ...this.#ended];
    this.#circuit = undefined;
    this.#ended = [];
    await Promise.all(circuits.map((circuit) => circuit[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#waitingRoom.refuse(new Dns4torError('ERR_SHUTDOWN'));
    await this.#close();
  }
}
