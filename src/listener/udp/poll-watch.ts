/** Reports when a socket is ready. */
export interface Watch {
  /** Whether room to send is reported as well. */
  setWriteInterest(wanted: boolean): void;
  /** Stops reporting. */
  close(): void;
}

/** The events of interest and a callback, which gets 0 or a negative error number. */
type PollArguments = [
  events: { readonly readable: boolean; readonly writable: boolean },
  callback: (status: unknown) => void,
];

/** Koffi's poll handle, a wrapper of libuv's uv_poll_t. */
interface PollHandle {
  start(...args: PollArguments): void;
  close(): void;
}

/** Has the event loop report when a socket is readable or, on request, writable. */
export class PollWatch implements Watch {
  readonly #handle: PollHandle;
  readonly #onReady: () => void;
  readonly #onError: () => void;
  #writeInterest = false;
  #closed = false;

  constructor(
    poll: (descriptor: number, ...args: PollArguments) => PollHandle,
    descriptor: number,
    onReady: () => void,
  ) {
    this.#onReady = () => {
      if (!this.#closed) onReady();
    };
    // After an error of the socket (POLLERR), libuv stops polling it. Reading clears the error, and polling restarts.
    this.#onError = () => {
      this.#onReady();
      if (!this.#closed) this.#start();
    };
    this.#handle = poll(descriptor, { readable: true, writable: false }, (status) => this.#onEvent(status));
  }

  /**
   * Koffi does not run the callback as one of Node's, so promises and errors would wait for the next one. An immediate
   * runs in the same turn of the event loop, before the socket is polled again.
   */
  #onEvent(status: unknown): void {
    setImmediate(status === 0 ? this.#onReady : this.#onError);
  }

  #start(): void {
    this.#handle.start({ readable: true, writable: this.#writeInterest }, (status) => this.#onEvent(status));
  }

  setWriteInterest(wanted: boolean): void {
    this.#writeInterest = wanted;
    this.#start();
  }

  close(): void {
    this.#closed = true;
    this.#handle.close();
  }
}
