import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { NO_DNS_ANSWER } from '../../src/failures/question-failures.ts';
import { buildResponse, decodeReply } from '../fixtures/dns/messages.ts';
import { answerTo, createResolver, type Resolver, UpstreamDouble } from './harness.ts';

const OUTAGE_SECONDS = 600;
const RECOVERY_SECONDS = 5;
const SERVFAIL = 2;
const REFUSED = 5;

const failing = (code: Dns4torError['code']) => (): Promise<Uint8Array> => Promise.reject(new Dns4torError(code));
const answering = (flags: number) => async (): Promise<Uint8Array> => buildResponse({ flags });

const CAUSES: readonly (readonly [what: string, answer: () => Promise<Uint8Array>])[] = [
  ['an HTTP error', failing('ERR_DOH_STATUS')],
  ['a body that is not DNS', failing('ERR_RESPONSE_MALFORMED')],
  ['an endless CNAME chain', failing('ERR_RESPONSE_CHAIN')],
  ['a lost connection', failing('ERR_UPSTREAM_CONNECTION')],
  ['Tor being down', failing('ERR_TOR_UNREACHABLE')],
  ['SERVFAIL', answering(SERVFAIL)],
  ['REFUSED', answering(REFUSED)],
  ['silence', () => new Promise(() => {})],
];

/** Advances the clock by a second. Returns the RCODE if the query has been answered. */
async function askForASecond({ clock, ask }: Resolver): Promise<string | undefined> {
  const state: { rcode?: string } = {};
  void Promise.resolve(ask({})).then((reply) => (state.rcode = decodeReply(reply).rcode));
  await clock.advanceAsync(1000);
  return state.rcode;
}

for (const [what, answer] of CAUSES) {
  test(`after ten minutes of ${what}, a name resolves within five seconds of the end of the cause`, async () => {
    const upstream = new UpstreamDouble(answer);
    const resolver = createResolver(upstream, { init: { maxInFlightPerClient: 100 } });
    // The worst time to recover is just after a question was sent.
    let asked = 0;
    for (let second = 0; second < OUTAGE_SECONDS || upstream.queries.length === asked; second++) {
      asked = upstream.queries.length;
      await askForASecond(resolver);
    }
    upstream.answer = async (query) => answerTo(query);
    let seconds = 0;
    while ((await askForASecond(resolver)) !== 'NOERROR') assert.ok(++seconds <= RECOVERY_SECONDS);
  });
}

for (const code of NO_DNS_ANSWER) {
  test(`RFC 8484 §4.2.1: ${code} is not cached for the name, and the next answer is immediate`, async () => {
    const upstream = new UpstreamDouble(failing(code));
    const { ask } = createResolver(upstream);
    await ask({});
    await ask({});
    assert.equal(upstream.queries.length, 2);
    upstream.answer = async (query) => answerTo(query);
    assert.equal(decodeReply(await ask({})).rcode, 'NOERROR');
  });
}

test('RFC 9520 §3: a client that queries a broken name in a loop causes less than one upstream query per second', async () => {
  for (const answer of [failing('ERR_DOH_STATUS'), answering(SERVFAIL)]) {
    const upstream = new UpstreamDouble(answer);
    const { ask, clock } = createResolver(upstream);
    const seconds = 60;
    for (let tenth = 0; tenth < 10 * seconds; tenth++) {
      await ask({});
      clock.advance(100);
    }
    assert.ok(upstream.queries.length < seconds / 2);
  }
});

test('failures of one name that are far apart are not consecutive', async () => {
  const upstream = new UpstreamDouble(failing('ERR_DOH_STATUS'));
  const { ask, clock } = createResolver(upstream);
  for (let i = 1; i <= 10; i++) {
    await ask({});
    assert.equal(upstream.queries.length, i);
    clock.advance(60_000);
  }
});

test('RFC 8767 §5: in an outage with HTTP errors expired answers are served, and fresh ones within five seconds after it', async () => {
  const upstream = new UpstreamDouble();
  const { ask, clock } = createResolver(upstream);
  await ask({});
  clock.advance(300_000);
  upstream.answer = failing('ERR_DOH_STATUS');
  for (let tenth = 0; tenth < 600; tenth++) {
    assert.equal(decodeReply(await ask({})).rcode, 'NOERROR');
    clock.advance(100);
  }
  assert.ok(upstream.queries.length < 20);
  upstream.answer = async (query) => answerTo(query);
  const before = upstream.queries.length;
  clock.advance(4900);
  await ask({});
  assert.equal(upstream.queries.length, before + 1);
});
