import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { constants, createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Clock, delay } from '../../src/lib/clock.ts';
import type { Random } from '../../src/lib/random.ts';
import type { TorAddress } from '../../src/tor/tor-address.ts';
import type { ServerCertificate } from '../fixtures/certificates.ts';

import { startSocksDouble } from '../tor/socks-double.ts';
import { type CircuitDelays, drawCircuit, stratifiedFractions } from './onion-delays.ts';
import { createSeededRandom } from './seeded-random.ts';

/** About as many as one connection without hedging sees in a run. */
const STRATA = 50;

/**
 * Tor and a resolver behind an onion address, as far as their delays go: a SOCKS server that leads to a DoH server, on loopback. Each connection
 * is a circuit with delays of its own.
 */
export interface OnionDouble extends AsyncDisposable {
  readonly socks: TorAddress;
  /** Circuits that were asked for up to now. */
  readonly circuits: number;
  /** Requests that reached the resolver up to now. */
  readonly requests: number;
}

/** @param answerTo what the resolver answers to a query, when its delay is over */
export async function startOnionDouble(
  certificate: ServerCertificate,
  clock: Clock,
  random: Random,
  answerTo: (query: Uint8Array) => Uint8Array,
): Promise<OnionDouble> {
  const ranks = stratifiedFractions(random, STRATA);
  const circuitOfPort = new Map<number | undefined, { readonly delays: CircuitDelays; readonly socket: Socket }>();
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
    const circuit = circuitOfPort.get(stream.session?.socket.remotePort);
    if (circuit === undefined) return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    requests++;
    const { delays, socket } = circuit;
    // Not even the answer to a PING comes through, and nothing says so.
    if (delays.hangs) socket.unpipe().pause();
    void answer(stream, delays.next());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const answer = async (stream: ServerHttp2Stream, delayMs: number): Promise<void> => {
    // One that hangs for good is the client's to give up.
    if (delayMs === Infinity) return;
    const timer = clock.schedule(delayMs, () => {
      stream.respond({ ':status': 200, 'content-type': 'application/dns-message' });
      void query.then((bytes) => bytes && stream.end(answerTo(bytes)));
    });
    stream.once('close', () => timer.cancel());
    const query = buffer(stream).catch(() => undefined);
  };

  const openCircuit = async (): Promise<Socket> => {
    circuits++;
    // With chance of its own, so that what is asked on one circuit changes nothing for the next.
    const delays = drawCircuit(createSeededRandom(random.fraction() * 2 ** 32), ranks.next().value);
    await delay(clock, delays.setupMs, closing.signal);
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {});
    await once(socket, 'connect');
    const { localPort } = socket;
    circuitOfPort.set(localPort, { delays, socket });
    socket.once('close', () => circuitOfPort.delete(localPort));
    return socket;
  };
  const socks = await startSocksDouble({ target: openCircuit });

  return {
    socks: socks.address,
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
