import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Deadline } from '../../src/lib/deadline.ts';
import type { Random } from '../../src/lib/random.ts';
import { buildUpstreamQuery } from '../../src/message/upstream-query.ts';
import { encodeQuestion } from '../../src/message/wire/codec.ts';
import { StreamSession } from '../../src/upstream/transport/stream-session.ts';
import { framed, type StreamServer, startStreamServer } from '../fixtures/dns/stream-server.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

/** Not random: every drawn ID is 0. */
const ZEROES: Random = { fraction: () => 0, bytes: (length) => new Uint8Array(length) };

/** Longer than any test advances the clock by default. */
const TIMEOUT_MS = 60_000;

export interface SessionRigOptions {
  /** @default draws the ID 0 each time */
  readonly random?: Random;
  /** See {@link SessionEvents.onCapacity}. */
  readonly onCapacity?: () => void;
}

export type SessionEvent = 'first answer' | 'retired' | 'closed';

/** A session on a socket, with a manual clock. */
export interface SessionRig extends Disposable {
  readonly session: StreamSession;
  readonly clock: ManualClock;
  readonly socket: Socket;
  readonly events: readonly SessionEvent[];
  /** The session's capacity at each onCapacity event. */
  readonly capacities: readonly number[];
  /** Looks up the A record of a name. */
  ask(name: string, timeoutMs?: number): Promise<Uint8Array>;
}

export function startSession(socket: Socket, { random = ZEROES, onCapacity }: SessionRigOptions = {}): SessionRig {
  const clock = new ManualClock();
  const events: SessionEvent[] = [];
  const capacities: number[] = [];
  const session: StreamSession = new StreamSession({ clock, random }, socket, {
    onFirstAnswer: () => events.push('first answer'),
    onRoundTrip: () => {},
    onCapacity: () => {
      capacities.push(session.capacity);
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
    capacities,
    ask: (name, timeoutMs = TIMEOUT_MS) => session.exchange(queryFor(name), Deadline.after(clock, timeoutMs)),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** A session with a scripted server. */
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

/** An answer without records: the query with QR set. */
export function answerTo(query: Uint8Array): Buffer {
  const response = Buffer.from(query);
  response.writeUInt8(response.readUInt8(2) | 0x80, 2);
  return response;
}

/** Answers every query. */
export function answer(query: Buffer, socket: Socket): void {
  socket.write(framed(answerTo(query)));
}
