import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { ErrorCode } from '../../../src/failures/failures.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { type DohBehaviour, type DohReply, startRecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { UdpClient } from '../../fixtures/dns/udp-client.ts';
import { type Daemon, startDaemon } from '../../fixtures/process/daemon.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { readReply } from '../reply.ts';
import { addressOf, questionOf, RCODE, RESPONSE_FLAGS, responseTo } from '../upstream-messages.ts';

/*
 * A resolver that rejects one circuit in three: every query on it fails at once, while the other circuits work. Each
 * failure is faster than any answer, so a pool that counted it as an answer would prefer the failing circuit.
 */

const QUERIES = 40;
const QUERY_EVERY_MS = 50;

/**
 * Queries served for each name, with hedges; and, for each name, queries that a circuit may turn away before it is
 * avoided.
 */
const MOST_PER_NAME = 1.2;
const MOST_TURNED_AWAY = 0.5;

/** Longest time from a response to its line in the log. */
const LOG_MS = 5000;

/** Response times of the working circuits. */
const FASTEST_MS = 50;
const SLOWEST_MS = 150;

function httpError(status: number, headers: DohReply['headers'] = {}): DohBehaviour {
  return () => ({ status, headers: { 'content-type': 'text/plain', ...headers }, body: Buffer.from('no') });
}

function failing(rcode: number): DohBehaviour {
  return ({ query }) => ({ body: responseTo(query, { flags: RESPONSE_FLAGS | rcode }) });
}

/** What a rejected circuit gets, and the error code of the single log line about it. */
const REFUSALS: Readonly<Record<string, { readonly behaviour: DohBehaviour; readonly code?: ErrorCode }>> = {
  '403': { behaviour: httpError(403), code: 'ERR_DOH_STATUS' },
  '429': { behaviour: httpError(429), code: 'ERR_DOH_STATUS' },
  '429 with Retry-After': { behaviour: httpError(429, { 'retry-after': '60' }), code: 'ERR_DOH_STATUS' },
  '503': { behaviour: httpError(503), code: 'ERR_DOH_STATUS' },
  '302': { behaviour: httpError(302, { location: '/elsewhere' }), code: 'ERR_DOH_STATUS' },
  'a web page': {
    behaviour: () => ({ headers: { 'content-type': 'text/html' }, body: Buffer.from('<!doctype html>') }),
    code: 'ERR_DOH_CONTENT_TYPE',
  },
  'octets that are no DNS message': {
    behaviour: () => ({ body: Buffer.alloc(64) }),
    code: 'ERR_RESPONSE_MALFORMED',
  },
  REFUSED: { behaviour: failing(RCODE.refused) },
  SERVFAIL: { behaviour: failing(RCODE.servfail) },
};

/** SOCKS connections that are turned away: the 1st, 4th, 7th …; or the 3rd, 6th, 9th … */
const VARIANTS = { 'the first of each three': 0, 'the last of each three': 2 } as const;

/** Working connections take longer to open, so that rejected ones look faster. */
const CONNECT_MS = 40;

interface TurnedAway extends AsyncDisposable {
  readonly daemon: Daemon;
  /** Queries of clients that were turned away, and that were served. */
  readonly counted: { readonly turnedAway: number; readonly served: number };
}

/** A dns4tor with such a resolver. */
async function startTurnedAway(refusal: DohBehaviour, turn: number): Promise<TurnedAway> {
  await using resources = new AsyncDisposableStack();
  const counted = { turnedAway: 0, served: 0 };
  const isOfClient = (query: Uint8Array): boolean => questionOf(query)[0] !== 0;
  const onion = createOnionKey().address;
  const ca = resources.use(await createCertificateAuthority());
  const certificate = await ca.issue([onion]);
  const refusing = await startRecordingDohServer(certificate, (request) => {
    if (isOfClient(request.query)) counted.turnedAway++;
    return refusal(request);
  });
  resources.use(refusing);
  const serving = await startRecordingDohServer(certificate, async ({ query }) => {
    if (isOfClient(query)) counted.served++;
    await setTimeout(FASTEST_MS + ((counted.served * 37) % (SLOWEST_MS - FASTEST_MS)));
    return { body: responseTo(query, { answers: [addressOf()] }) };
  });
  resources.use(serving);
  let connections = 0;
  const target = async (): Promise<Socket> => {
    const isTurnedAway = connections++ % 3 === turn;
    if (!isTurnedAway) await setTimeout(CONNECT_MS);
    const socket = connect(isTurnedAway ? refusing.port : serving.port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const socks = resources.use(await startSocksDouble({ target }));
  if (socks.address.kind !== 'tcp') throw new Error('the SOCKS double listens on no port');
  const way = ['--upstream-ca', ca.certificatePath, '--tor-socks', `${socks.address.host}:${socks.address.port}`];
  const args = ['--upstream', `https://${onion}/dns-query`, ...way];
  const daemon = resources.use(await startDaemon(args));
  const running = resources.move();
  return { daemon, counted, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

describe('a resolver that rejects one circuit in three', { concurrency: 6 }, () => {
  for (const [what, { behaviour, code }] of Object.entries(REFUSALS)) {
    for (const [which, turn] of Object.entries(VARIANTS)) {
      test(`with ${what}, ${which}: no lookup fails`, async (t) => {
        await using running = await startTurnedAway(behaviour, turn);
        const { daemon, counted } = running;
        await daemon.answers();
        await using client = await UdpClient.open(daemon.port);
        const asking: Promise<Buffer>[] = [];
        for (let i = 0; i < QUERIES; i++) {
          asking.push(client.ask({ name: `n${i}.example.com` }));
          await setTimeout(QUERY_EVERY_MS);
        }
        const replies = (await Promise.all(asking)).map(readReply);
        const failed = replies.filter(({ rcode, answers }) => rcode !== 'NOERROR' || answers.length !== 1);
        t.diagnostic(`${failed.length} failed, ${counted.served} served, ${counted.turnedAway} turned away`);
        assert.equal(failed.length, 0);
        assert.ok(counted.served <= QUERIES * MOST_PER_NAME, `${counted.served} served`);
        assert.ok(counted.turnedAway <= QUERIES * MOST_TURNED_AWAY, `${counted.turnedAway} turned away`);
        if (code === undefined) return;
        const linesOf = (): string[] =>
          daemon.process.output.split('\n').filter((line) => line.includes(`code=${code}`));
        // None if no query met a rejected circuit. A hedge may be logged after the last reply.
        await waitUntil('the log has a line', LOG_MS, () => counted.turnedAway === 0 || linesOf().length > 0);
        assert.ok(linesOf().length <= 1, linesOf().join('\n'));
      });
    }
  }
});
