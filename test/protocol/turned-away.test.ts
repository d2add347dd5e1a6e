import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type DaemonBehindDouble, startBehindDouble } from '../fixtures/behind-double.ts';
import type { DohBehaviour, DohReply } from '../fixtures/recording-doh-server.ts';
import { UdpClient } from '../fixtures/udp-client.ts';
import { readReply } from './reply.ts';
import { addressOf, questionOf, RCODE, RESPONSE_FLAGS, responseTo } from './upstream-messages.ts';

/*
 * A resolver that turns one circuit in three away: every query on it fails at once, while the other circuits work. Each
 * failure comes faster than any answer, so a pool that took it for an answer would prefer the circuit that fails.
 */

const QUERIES = 40;
const QUERY_EVERY_MS = 50;

/** The share of second tries, and what the budget for them holds at the start. */
const MOST_PER_NAME = 1.2;
const SAVED_TRIES = 1;

/** Response times of the circuits that work. */
const FASTEST_MS = 50;
const SLOWEST_MS = 150;

function httpError(status: number, headers: DohReply['headers'] = {}): DohBehaviour {
  return () => ({ status, headers: { 'content-type': 'text/plain', ...headers }, body: Buffer.from('no') });
}

function failing(rcode: number): DohBehaviour {
  return ({ query }) => ({ body: responseTo(query, { flags: RESPONSE_FLAGS | rcode }) });
}

/** What the circuit that is turned away gets, and what the log calls it. */
const REFUSALS: Readonly<Record<string, { readonly behaviour: DohBehaviour; readonly inLog: string | undefined }>> = {
  '403': { behaviour: httpError(403), inLog: 'status=403' },
  '429': { behaviour: httpError(429), inLog: 'status=429' },
  '429 with Retry-After': { behaviour: httpError(429, { 'retry-after': '60' }), inLog: 'status=429' },
  '503': { behaviour: httpError(503), inLog: 'status=503' },
  '302': { behaviour: httpError(302, { location: '/elsewhere' }), inLog: 'status=302' },
  'a web page': {
    behaviour: () => ({ headers: { 'content-type': 'text/html' }, body: Buffer.from('<!doctype html>') }),
    inLog: 'code=ERR_DOH_CONTENT_TYPE',
  },
  'octets that are no DNS message': {
    behaviour: () => ({ body: Buffer.alloc(64, 0xff) }),
    inLog: 'code=ERR_RESPONSE_',
  },
  REFUSED: { behaviour: failing(RCODE.refused), inLog: undefined },
  SERVFAIL: { behaviour: failing(RCODE.servfail), inLog: undefined },
};

/** Connections that are turned away: 0, 3, 6 …; or 2, 5, 8 … */
const VARIANTS = { 'the first of each three': 0, 'the last of each three': 2 } as const;

interface Counted {
  turnedAway: number;
  served: number;
}

/** A daemon with the default number of circuits before such a resolver. */
async function startTurnedAway(
  refusal: DohBehaviour,
  turn: number,
): Promise<{ readonly running: DaemonBehindDouble; readonly counted: Counted }> {
  const counted = { turnedAway: 0, served: 0 };
  let answers = 0;
  const behaviour: DohBehaviour = async (request) => {
    const isOfClient = questionOf(request.query)[0] !== 0;
    if (request.connection % 3 === turn) {
      if (isOfClient) counted.turnedAway++;
      return refusal(request);
    }
    if (isOfClient) counted.served++;
    await setTimeout(FASTEST_MS + ((answers++ * 37) % (SLOWEST_MS - FASTEST_MS)));
    return { body: responseTo(request.query, { answers: [addressOf()] }) };
  };
  return { running: await startBehindDouble(behaviour, '--circuits', '3'), counted };
}

describe('a resolver that turns one circuit in three away', { concurrency: 6 }, () => {
  for (const [what, { behaviour, inLog }] of Object.entries(REFUSALS)) {
    for (const [which, turn] of Object.entries(VARIANTS)) {
      test(`with ${what}, ${which}: no lookup fails`, async (t) => {
        const { running, counted } = await startTurnedAway(behaviour, turn);
        await using resources = running;
        const { daemon } = resources;
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
        assert.ok(counted.served <= QUERIES * MOST_PER_NAME + SAVED_TRIES, `${counted.served} served`);
        if (inLog !== undefined) {
          const lines = daemon.process.output.split('\n').filter((line) => line.includes(inLog));
          // A kind of failure that is not met has no line.
          assert.equal(lines.length, counted.turnedAway > 0 ? 1 : lines.length, lines.join('\n'));
        }
      });
    }
  }
});
