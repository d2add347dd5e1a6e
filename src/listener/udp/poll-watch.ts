/** Has the event loop tell when something waits on a socket. */
export interface Watch {
  /** Whether room to send is told of too. */
  setRoomWanted(wanted: boolean): void;
  /** Nothing is told any more. */
  close(): void;
}

/** What is told of; the callback is given 0, or a negative error number. */
type PollArguments = [
  events: { readonly readable: boolean; readonly writable: boolean },
  callback: (status: unknown) => void,
];

/** Koffi's poll handle, which is libuv's (uv_poll_t). */
interface PollHandle {
  start(...args: PollArguments): void;
  close(): void;
}

export class PollWatch implements Watch {
  readonly #handle: PollHandle;
  readonly #onReady: () => void;
  readonly #onTrouble: () => void;
  #roomWanted = false;
  #closed = false;

  constructor(
    poll: (descriptor: number, ...args: PollArguments) => PollHandle,
    descriptor: number,
    onReady: () => void,
  ) {
    this.#onReady = () => {
      if (!this.#closed) onReady();
    };
    // libuv gives up a socket with an error (POLLERR). Whoever then reads takes the error away.
    this.#onTrouble = () => {
      this.#onReady();
      if (!this.#closed) this.#start();
    };
    this.#handle = poll(descriptor, { readable: true, writable: false }, (status) => this.#notice(status));
  }

  /**
   * Koffi's callback is none of Node's: promises and errors would be left to the next one that is. An immediate comes in the same turn of the
   * event loop, before it looks at the socket again.
   */
  #notice(status: unknown): void {
    setImmediate(status === 0 ? this.#onReady : this.#onTrouble);
  }

  #start(): void {
    this.#handle.start({ readable: true, writable: this.#roomWanted }, (status) => this.#notice(status));
  }

  setRoomWanted(wanted: boolean): void {
    this.#roomWanted = wanted;
    this.#start();
  }

  close(): void {
    this.#closed = true;
    this.#handle.close();
  }
}
