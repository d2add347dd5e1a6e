import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { constants, createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Clock, delay } from '../../src/lib/clock.ts';
import type { ServerCertificate } from '../../test/fixtures/certificates.ts';
import { startSocksDouble } from '../../test/tor/socks-double.ts';
import { linkLate } from './late-link.ts';
import { drawCircuits, type OnionCircuit } from './onion-circuit.ts';
import { drawRejected } from './rejected-circuits.ts';

/**
 * Simulates the delays of Tor and of a resolver behind an onion address: a SOCKS server that leads to a DoH server, on
 * loopback. Each SOCKS connection is a circuit with its own speed.
 */
export interface OnionDouble extends AsyncDisposable {
  readonly socks: { readonly kind: 'tcp'; readonly host: string; readonly port: number };
  /** Circuits requested so far. */
  readonly circuits: number;
  /** Requests that reached the resolver so far. */
  readonly requests: number;
}

export interface OnionDoubleInit {
  /** Decides the circuits, and which of them get 503. */
  readonly seed: number;
  /** Whether each circuit's speed changes about every 45 s. @default false */
  readonly drifts?: boolean;
  /** Whether the resolver answers 503 at once to every query on one circuit in three. @default false */
  readonly rejects?: boolean;
}

/** A circuit of the double. */
interface Line {
  readonly circuit: OnionCircuit;
  readonly isRejected: boolean;
}

/** @param answerTo returns the resolver's answer to a query; called after the delay */
export async function startOnionDouble(
  certificate: ServerCertificate,
  clock: Clock,
  { seed, drifts = false, rejects = false }: OnionDoubleInit,
  answerTo: (query: Uint8Array) => Uint8Array,
): Promise<OnionDouble> {
  const drawn = drawCircuits(seed);
  const drawnRejected = drawRejected(seed);
  const lines = new Map<number | undefined, Line>();
  const lineOfStream = new WeakMap<Socket, Line>();
  const sessions = new Set<ServerHttp2Session>();
  const closing = new AbortController();
  let circuits = 0;
  let requests = 0;

  const server = createSecureServer({
    key: await readFile(certificate.keyPath),
    cert: await readFile(certificate.certificatePath),
    noDelay: true,
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    const line = lines.get(stream.session?.socket.remotePort);
    if (line === undefined) return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    requests++;
    if (line.isRejected) return stream.respond({ ':status': 503 }, { endStream: true });
    answer(stream, line.circuit.nextServerMs());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const answer = (stream: ServerHttp2Stream, delayMs: number): void => {
    // The client has to give up a request that is never answered.
    if (delayMs === Infinity) return;
    const query = buffer(stream).catch(() => undefined);
    const timer = clock.schedule(delayMs, () => {
      stream.respond({ ':status': 200, 'content-type': 'application/dns-message' });
      void query.then((bytes) => bytes && stream.end(answerTo(bytes)));
    });
    stream.once('close', () => timer.cancel());
  };

  const openCircuit = async (): Promise<Socket> => {
    circuits++;
    const circuit = drawn.next().value;
    const isRejected = drawnRejected.next().value && rejects;
    await delay(clock, circuit.connectMs, closing.signal);
    const stream = connect({ port, host: '127.0.0.1', noDelay: true });
    stream.on('error', () => {});
    await once(stream, 'connect');
    const { localPort } = stream;
    const line = { circuit, isRejected };
    lines.set(localPort, line);
    lineOfStream.set(stream, line);
    const stopDrift = drifts ? drift(clock, circuit) : undefined;
    stream.once('close', () => {
      lines.delete(localPort);
      stopDrift?.();
    });
    return stream;
  };
  const socks = await startSocksDouble({
    target: openCircuit,
    join: (client, stream) => {
      const line = lineOfStream.get(stream) as Line;
      linkLate(clock, client, stream, () => line.circuit.roundTripMs / 2);
    },
  });
  const { address } = socks;
  if (address.kind !== 'tcp') throw new Error('the SOCKS double was given no path');

  return {
    socks: address,
    get circuits() {
      return circuits;
    },
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await socks[Symbol.asyncDispose]();
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Changes the circuit's speed at intervals. @returns a function that stops it */
function drift(clock: Clock, circuit: OnionCircuit): () => void {
  const schedule = () => clock.schedule(circuit.driftMs, change);
  const change = (): void => {
    circuit.change();
    timer = schedule();
  };
  let timer = schedule();
  return () => timer.cancel();
}
