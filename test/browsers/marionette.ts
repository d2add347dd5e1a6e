import { connect, type Socket } from 'node:net';

/** Message types (https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html). */
const [COMMAND, RESPONSE] = [0, 1];

/** The number that stands for the greeting, which has none. */
const GREETING_ID = 0;

interface Failure {
  readonly error: string;
  readonly message: string;
}

/** An error that Firefox reports, such as that of a page that does not load. */
export class MarionetteError extends Error {
  override readonly name = 'MarionetteError';
}

/** A session of Marionette, Firefox's remote protocol: JSON messages after their length in octets and a colon. */
export class Marionette implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #received = Buffer.alloc(0);
  #lastId = GREETING_ID;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#read(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Firefox has closed the connection'));
    });
  }

  /**
   * Connects and opens a session.
   *
   * @param path unix socket
   * @throws if Firefox does not listen yet
   */
  static async open(path: string): Promise<Marionette> {
    await using resources = new AsyncDisposableStack();
    const session = resources.use(new Marionette(connect(path)));
    await session.#receives(GREETING_ID);
    await session.call('WebDriver:NewSession');
    resources.move();
    return session;
  }

  /** @throws MarionetteError */
  call(command: string, parameters: object = {}): Promise<unknown> {
    const id = ++this.#lastId;
    const message = Buffer.from(JSON.stringify([COMMAND, id, command, parameters]));
    this.#socket.write(`${message.length}:`);
    this.#socket.write(message);
    return this.#receives(id);
  }

  /**
   * Runs the body of a function in the page.
   *
   * @throws MarionetteError
   */
  async evaluate(script: string): Promise<unknown> {
    return valueOf(await this.call('WebDriver:ExecuteScript', { script, args: [] }));
  }

  /** A picture of the page: PNG. */
  async screenshot(): Promise<Uint8Array> {
    return Buffer.from(String(valueOf(await this.call('WebDriver:TakeScreenshot', { full: false }))), 'base64');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }

  #receives(id: number): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    return waiting.promise;
  }

  #read(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const colon = this.#received.indexOf(':');
      if (colon === -1) return;
      const end = colon + 1 + Number(this.#received.toString('latin1', 0, colon));
      if (this.#received.length < end) return;
      const message: unknown = JSON.parse(this.#received.toString('utf8', colon + 1, end));
      this.#received = this.#received.subarray(end);
      const [, id, failure, result] = (Array.isArray(message) ? message : [RESPONSE, GREETING_ID, null, message]) as [
        typeof RESPONSE,
        number,
        Failure | null,
        unknown,
      ];
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (failure === null) waiting?.resolve(result);
      else waiting?.reject(new MarionetteError(`${failure.error}: ${failure.message}`));
    }
  }
}

function valueOf(result: unknown): unknown {
  return (result as { readonly value: unknown }).value;
}
