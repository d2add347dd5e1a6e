import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { delay, systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';

const CALL_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 200;

/** The result of a program in the guest. */
export interface GuestResult {
  /** The exit status; as in a shell if a signal ended the program. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a shell command in the guest, as root, through QEMU's guest agent.
 *
 * @param socketPath the host's end of the agent's serial port
 */
export async function runByAgent(socketPath: string, line: string, timeoutMs: number): Promise<GuestResult> {
  const started = await call(socketPath, 'guest-exec', {
    path: '/bin/sh',
    arg: ['-c', line],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'],
    'capture-output': true,
  });
  const endMs = systemClock.now() + timeoutMs;
  for (;;) {
    const status = (await call(socketPath, 'guest-exec-status', { pid: started['pid'] })) as unknown as ExecStatus;
    if (status.exited) {
      const decode = (data = ''): string => Buffer.from(data, 'base64').toString();
      return {
        status: status.exitcode ?? 128 + (status.signal ?? 0),
        stdout: decode(status['out-data']),
        stderr: decode(status['err-data']),
      };
    }
    if (systemClock.now() > endMs) throw new Error(`timed out after ${timeoutMs / 1000} s in the guest: ${line}`);
    await delay(systemClock, POLL_INTERVAL_MS);
  }
}

interface ExecStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly signal?: number;
  /** Base64. */
  readonly 'out-data'?: string;
  readonly 'err-data'?: string;
}

/**
 * Sends one command of the QEMU Guest Agent Protocol. Each needs its own connection, because the agent may
 * restart.
 */
async function call(socketPath: string, execute: string, args: object): Promise<Readonly<Record<string, unknown>>> {
  const id = systemRandom.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0);
  const socket = createConnection(socketPath);
  const timeout = systemClock.schedule(CALL_TIMEOUT_MS, () =>
    socket.destroy(new Error("the guest's agent does not answer")),
  );
  try {
    await once(socket, 'connect');
    // Leftovers of an earlier conversation precede this reply.
    socket.write(`${JSON.stringify({ execute: 'guest-sync', arguments: { id } })}\n`);
    socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    let isInSync = false;
    for await (const line of linesOf(socket)) {
      const reply = JSON.parse(line) as { readonly return?: unknown; readonly error?: { readonly desc: string } };
      if (isInSync && reply.error !== undefined) throw new Error(`the guest's agent: ${reply.error.desc}`);
      if (isInSync) return reply.return as Readonly<Record<string, unknown>>;
      isInSync = reply.return === id;
    }
    throw new Error("the guest's agent closed the connection");
  } finally {
    timeout.cancel();
    socket.destroy();
  }
}

/** node:readline would wait for ever on a destroyed socket. */
async function* linesOf(socket: Socket): AsyncGenerator<string, void, undefined> {
  let unfinished = '';
  for await (const chunk of socket) {
    const lines = (unfinished + String(chunk)).split('\n');
    unfinished = lines.pop() ?? '';
    yield* lines;
  }
}
