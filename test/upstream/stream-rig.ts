import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Deadline } from '../../src/lib/deadline.ts';
import type { Random } from '../../src/lib/random.ts';
import { encodeQuestion } from '../../src/message/wire/codec.ts';
import { buildUpstreamQuery } from '../../src/message/upstream-query.ts';
import { StreamSession } from '../../src/upstream/transport/stream-session.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { framed, startStreamServer, type StreamServer } from '../fixtures/stream-server.ts';

/** In place of chance: every ID that is drawn is 0. */
const ZEROES: Random = { fraction: () => 0, bytes: (length) => new Uint8Array(length) };

/** Longer than any test's clock is turned without a reason. */
const TIMEOUT_MS = 60_000;

export interface SessionRigOptions {
  /** @default one that draws the ID 0 each time */
  readonly random?: Random;
  /** Called when more queries can be sent. */
  readonly onCapacity?: () => void;
}

export type SessionEvent = 'first answer' | 'retired' | 'closed';

/** A session on a socket, on a clock that stands still. */
export interface SessionRig extends Disposable {
  readonly session: StreamSession;
  readonly clock: ManualClock;
  readonly socket: Socket;
  readonly events: readonly SessionEvent[];
  /** How many queries could be sent whenever the session told of more. */
  readonly rooms: readonly number[];
  /** Asks for the A record of a name. */
  ask(name: string, timeoutMs?: number): Promise<Uint8Array>;
}

export function startSession(socket: Socket, { random = ZEROES, onCapacity }: SessionRigOptions = {}): SessionRig {
  const clock = new ManualClock();
  const events: SessionEvent[] = [];
  const rooms: number[] = [];
  const session: StreamSession = new StreamSession({ clock, random }, socket, {
    onFirstAnswer: () => events.push('first answer'),
    onRoundTrip: () => {},
    onCapacity: () => {
      rooms.push(session.capacity);
      onCapacity?.();
    },
    onRetire: () => events.push('retired'),
    onClose: () => events.push('closed'),
  });
  return {
    session,
    clock,
    socket,
    events,
    rooms,
    ask: (name, timeoutMs = TIMEOUT_MS) => session.exchange(queryFor(name), Deadline.after(clock, timeoutMs)),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** A session with a server that does whatever the test has it do. */
export interface DoubleRig extends SessionRig, AsyncDisposable {
  readonly server: StreamServer;
}

export async function startDouble(
  onQuery?: Parameters<typeof startStreamServer>[0],
  options?: SessionRigOptions,
): Promise<DoubleRig> {
  const server = await startStreamServer(onQuery);
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  const rig = startSession(socket, options);
  return {
    ...rig,
    server,
    async [Symbol.asyncDispose]() {
      rig[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

export function queryFor(name: string): Uint8Array {
  return buildUpstreamQuery(encodeQuestion(name, 'A'), false, false);
}

/** The query with QR set: an answer without records. */
export function answerTo(query: Uint8Array): Buffer {
  const response = Buffer.from(query);
  response.writeUInt8(response.readUInt8(2) | 0x80, 2);
  return response;
}

/** Answers as a resolver does. */
export function answer(query: Buffer, socket: Socket): void {
  socket.write(framed(answerTo(query)));
}
