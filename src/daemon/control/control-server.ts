import { mkdir, rmdir } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { listenOnSocketPath } from '../../http/socket-path.ts';
import type { Clock } from '../../lib/clock.ts';
import { parseName } from '../../message/text/name-text.ts';
import { lowerCase } from '../../message/wire/name.ts';
import { CONTROL_VERSION, type ControlReply, MAX_CONTROL_BYTES } from '../../model/control/control-protocol.ts';

/** Mode 0600: only the daemon's user, and root, can connect. */
const SOCKET_UMASK = 0o177;

/** Commands at the same time. People give one. */
const MAX_CONNECTIONS = 16;

/** Time limit for a client to send its request, and to read the reply. */
const CLIENT_MS = 10_000;

interface ControlComponents {
  readonly clock: Clock;
  /**
   * Removes answers from the cache.
   * @param name in wire form and lower case; undefined for all answers
   * @returns their number
   */
  readonly flush: (name: Uint8Array | undefined) => Promise<number>;
}

/** Takes commands on a unix socket. Names in them are kept nowhere. */
export class ControlServer implements AsyncDisposable {
  readonly #components: ControlComponents;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** The directories that it has created, the innermost first. */
  #created: readonly string[] = [];

  private constructor(components: ControlComponents) {
    this.#components = components;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /**
   * @param path absolute. A missing directory is created for this user alone.
   * @throws Dns4torError ERR_CONTROL_SOCKET
   */
  static async open(components: ControlComponents, path: string): Promise<ControlServer> {
    const control = new ControlServer(components);
    // If that fails, listening fails, too, and says why.
    const first = await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(() => undefined);
    control.#created = directoriesBetween(dirname(path), first);
    await listenOnSocketPath(control.#server, { path, umask: SOCKET_UMASK, code: 'ERR_CONTROL_SOCKET' });
    return control;
  }

  #serve(socket: Socket): void {
    const { clock } = this.#components;
    let timer = clock.schedule(CLIENT_MS, () => socket.destroy());
    this.#sockets.add(socket);
    let received = '';
    // `close` follows every error.
    socket.on('error', () => {});
    socket.on('close', () => {
      timer.cancel();
      this.#sockets.delete(socket);
    });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
      const isComplete = received.endsWith('\n') && received.length <= MAX_CONTROL_BYTES;
      if (!isComplete && received.length < MAX_CONTROL_BYTES) return;
      socket.removeAllListeners('data').pause();
      timer.cancel();
      void this.#reply(isComplete ? received : '').then((reply) => {
        if (socket.destroyed) return;
        timer = clock.schedule(CLIENT_MS, () => socket.destroy());
        socket.end(`${JSON.stringify(reply)}\n`);
      });
    });
  }

  async #reply(line: string): Promise<ControlReply> {
    const version = CONTROL_VERSION;
    const request = parseJson(line);
    if (request === undefined) return { version, error: 'malformed' };
    if (request['version'] !== CONTROL_VERSION) return { version, error: 'version' };
    const { command, name } = request;
    const wireName = typeof name === 'string' ? parseName(name)?.map(lowerCase) : undefined;
    if (command !== 'flush' || (name !== undefined && wireName === undefined)) return { version, error: 'malformed' };
    try {
      return { version, removed: await this.#components.flush(wireName) };
    } catch {
      return { version, error: 'failed' };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
    for (const directory of this.#created) {
      // Something else may be in it by now, such as the state of a managed tor.
      await rmdir(directory).catch(() => {});
    }
  }
}

/** The directories from the innermost to the outermost, both included. None if `outermost` is undefined. */
function directoriesBetween(innermost: string, outermost: string | undefined): readonly string[] {
  if (outermost === undefined || innermost.length < outermost.length) return [];
  return [innermost, ...directoriesBetween(dirname(innermost), outermost)];
}

/** Undefined for all but a JSON object. */
function parseJson(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
