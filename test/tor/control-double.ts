import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TorAddress } from '../../src/model/tor-address.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

const SERVER_NONCE = 'ab'.repeat(32);

/** Replies by command prefix: complete lines, which may include events. */
export type Script = Readonly<Record<string, readonly string[]>>;

/** A control port whose replies a test controls, unlike those of a real Tor. */
export interface ControlDouble extends AsyncDisposable {
  readonly address: TorAddress;
  readonly cookiePath: string;
  /** The lines received on all connections. */
  readonly commands: readonly string[];
  /** Sends lines to all connected clients. */
  send(...lines: readonly string[]): void;
  /** Closes the socket and all connections, as when Tor exits. */
  stop(): Promise<void>;
  /** Listens again at the same address. */
  start(): Promise<void>;
}

/** Accepts the cookie as Tor does, and replies by the script, otherwise with `250 OK`. */
export async function startControlDouble(script: Script = {}): Promise<ControlDouble> {
  await using resources = new AsyncDisposableStack();
  const { path: directory } = resources.use(await createTemporaryDirectory());
  const path = join(directory, 'control');
  const cookiePath = join(directory, 'control_auth_cookie');
  const cookie = Buffer.alloc(32, 'cookie');
  await writeFile(cookiePath, cookie);

  const commands: string[] = [];
  const clients = new Set<Socket>();
  const answers: Script = {
    PROTOCOLINFO: [
      '250-PROTOCOLINFO 1',
      `250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE="${cookiePath}"`,
      '250-VERSION Tor="0.4.9.11"',
      '250 OK',
    ],
    ...script,
  };
  const answer = (command: string): readonly string[] => {
    commands.push(command);
    const beginning = Object.keys(answers).find((prefix) => command.startsWith(prefix));
    if (beginning !== undefined) return answers[beginning] ?? [];
    const nonce = /^AUTHCHALLENGE SAFECOOKIE (\w+)$/.exec(command)?.[1];
    return nonce === undefined ? ['250 OK'] : [serverProof(cookie, nonce)];
  };
  const server = createServer((socket) => {
    clients.add(socket.on('error', () => {}));
    socket.on('close', () => clients.delete(socket));
    createInterface(socket).on('line', (line) => write(socket, answer(line)));
  });
  const start = async (): Promise<void> => {
    server.listen(path);
    await once(server, 'listening');
  };
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    for (const client of clients) client.destroy();
    server.close();
    await once(server, 'close');
    await rm(path, { force: true });
  };
  resources.defer(stop);
  await start();
  const running = resources.move();
  return {
    address: { kind: 'unix', path },
    cookiePath,
    commands,
    send(...lines) {
      for (const client of clients) write(client, lines);
    },
    stop,
    start,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function serverProof(cookie: Buffer, clientNonce: string): string {
  const hash = createHmac('sha256', 'Tor safe cookie authentication server-to-controller hash')
    .update(Buffer.concat([cookie, Buffer.from(clientNonce, 'hex'), Buffer.from(SERVER_NONCE, 'hex')]))
    .digest('hex');
  return `250 AUTHCHALLENGE SERVERHASH=${hash} SERVERNONCE=${SERVER_NONCE}`;
}

function write(socket: Socket, lines: readonly string[]): void {
  socket.write(lines.map((line) => `${line}\r\n`).join(''));
}
