import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { Deadline } from '../../lib/deadline.ts';
import type { PooledConnection, PooledConnectionOwner } from './pooled-connection.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * Sends suspects one at a time over a dedicated connection, which is closed after the last one. If that connection is
 * lost, the query in flight is the cause.
 */
export class Quarantine implements AsyncDisposable {
  readonly #createConnection: (owner: PooledConnectionOwner) => PooledConnection;
  readonly #queue = new WaitQueue();
  /** Being opened, or open. */
  #connection: PooledConnection | undefined;
  /** Ended connections. They are disposed with the last query, because one may still be in flight. */
  #ended: PooledConnection[] = [];
  #pending = 0;

  /** @param createConnection creates a connection without opening it */
  constructor(createConnection: (owner: PooledConnectionOwner) => PooledConnection) {
    this.#createConnection = createConnection;
  }

  /** Queries that wait or are in flight. */
  get size(): number {
    return this.#pending;
  }

  /**
   * Sends one query when its turn comes, and calls `onSend` just before. Rejects with ERR_QUERY_DROPS_CONNECTION if the
   * connection is lost while the query is in flight, with the error given to {@link rejectAll}, and as {@link
   * WaitQueue.wait} and {@link PooledConnection.exchange} do.
   */
  async exchange(query: Uint8Array, deadline: Deadline, onSend: () => void): Promise<Uint8Array> {
    this.#pending++;
    const expired = (): Dns4torError => new Dns4torError('ERR_UPSTREAM_CONNECTION');
    try {
      const send = (): Promise<Uint8Array> => {
        onSend();
        return this.#send(query, deadline);
      };
      const answer = this.#queue.wait({ deadline, expired, canSend: this.#canSend, send });
      this.#sendNext();
      return await answer;
    } finally {
      if (--this.#pending === 0) await this.#close();
    }
  }

  /** Opens the connection if queries are waiting. Called when the breaker allows another attempt. */
  open(): void {
    if (this.#queue.size === 0 || this.#connection !== undefined) return;
    const connection = this.#createConnection({
      onOpen: () => this.#sendNext(),
      onCapacityChange: () => this.#sendNext(),
      onSettled() {},
      onEnd: (ended, cause) => {
        if (this.#connection === ended) this.#connection = undefined;
        this.#ended.push(ended);
        return cause !== 'unopened';
      },
    });
    if (connection.open()) this.#connection = connection;
  }

  /** Rejects all waiting queries. */
  rejectAll(error: Dns4torError): void {
    this.#queue.rejectAll(error);
  }

  readonly #canSend = (): boolean => this.#connection?.hasCapacity === true && this.#connection.inFlight === 0;

  #sendNext(): void {
    this.#queue.sendReady(this.#canSend);
    this.open();
  }

  async #send(query: Uint8Array, deadline: Deadline): Promise<Uint8Array> {
    try {
      return await (this.#connection as PooledConnection).exchange(query, deadline);
    } catch (thrown) {
      const error = toDns4torError(thrown);
      throw error.code === 'ERR_UPSTREAM_CONNECTION'
        ? new Dns4torError('ERR_QUERY_DROPS_CONNECTION', undefined, error)
        : error;
    }
  }

  async #close(): Promise<void> {
    const connections = this.#connection === undefined ? this.#ended : [this.#connection, ...this.#ended];
    this.#connection = undefined;
    this.#ended = [];
    await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.rejectAll(new Dns4torError('ERR_SHUTDOWN'));
    await this.#close();
  }
}
