import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { StatusSnapshot } from '../../../src/status/snapshot.ts';
import { concat, rawName, rawRecord, rawU16 } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { testOverBoth } from '../raw-client.ts';
import { OPTION } from '../reply.ts';
import { addressOf, answering, RCODE, RESPONSE_FLAGS, responseTo, TYPE } from '../upstream-messages.ts';
import { askUntilAnswered, askUntilKept } from './kept-failure.ts';
import { FAULTS, sized } from './upstream-faults.ts';

/*
 * Upstream responses that are not answers. The client always gets SERVFAIL with the reason, nothing of the response is
 * used, the failure is cached (RFC 9520 §3), and a good answer follows when upstream recovers.
 */

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

const ANSWERS = [addressOf()];

/** Maximum attempts for one query. An unusable response may be the circuit's fault, so others are tried. */
const MAX_ATTEMPTS = 6;

// Each test has its own name, and waits a second for the cached failure to expire. More at a time would exceed the
// limit of a client.
describe('a response that is not an answer', { concurrency: 8 }, () => {
  for (const { label, behaviour, upstream, ede } of FAULTS) {
    testOverBoth(
      `${behaviour} is SERVFAIL with EDE ${ede}; RFC 9520 §3: cached, with EDE 13; and a good answer follows`,
      async (transport) => {
        const name = `${label}-${transport}.example`;
        lab.behave(name, upstream);
        const first = await lab.ask(transport, { name, edns: {} });
        assert.deepEqual([first.rcode, first.ede?.code], ['SERVFAIL', ede]);
        assert.deepEqual([...first.answers, ...first.authorities, ...first.additionals], []);
        const asked = lab.asked(name);
        assert.ok(asked >= 1 && asked <= MAX_ATTEMPTS, `asked ${asked} times`);

        const kept = await askUntilKept(lab, transport, name);
        assert.deepEqual([kept.rcode, kept.ede?.text], ['SERVFAIL', first.ede?.text]);
        assert.deepEqual(kept.answers, []);

        const good = await askUntilAnswered(lab, transport, name);
        assert.deepEqual(
          good.answers.map((record) => record.data),
          ['192.0.2.1'],
        );
        assert.equal(good.ede, undefined);
      },
    );
  }

  for (const [rcode, code] of [
    ['SERVFAIL', RCODE.servfail],
    ['REFUSED', RCODE.refused],
  ] as const) {
    testOverBoth(
      `RFC 9520 §3.2, RFC 8914 §4.14: upstream’s ${rcode} is passed on, cached with EDE 13, and a good answer follows`,
      async (transport) => {
        const name = `${rcode}-${transport}.example`;
        lab.behave(name, answering({ flags: RESPONSE_FLAGS | code }));
        const first = await lab.ask(transport, { name, edns: {} });
        assert.deepEqual([first.rcode, first.ede?.code], [rcode, 0]);
        assert.equal((await askUntilKept(lab, transport, name)).rcode, rcode);
        assert.equal((await askUntilAnswered(lab, transport, name)).answers.length, 1);
      },
    );
  }

  testOverBoth('RFC 8914 §3: upstream’s EDE is passed on, and repeated by the cached failure', async (transport) => {
    const name = `bogus-${transport}.example`;
    lab.behave(name, answering({ flags: RESPONSE_FLAGS | RCODE.servfail, additionals: [explanation(6, 'no RRSIG')] }));
    const first = await lab.ask(transport, { name, edns: {} });
    assert.deepEqual([first.rcode, first.ede], ['SERVFAIL', { code: 6, text: 'no RRSIG' }]);
    assert.equal((await askUntilKept(lab, transport, name)).ede?.text, 'no RRSIG');
  });

  testOverBoth(
    'RFC 8914 §3: upstream’s EDE of an answer is passed on with it, first and from the cache',
    async (transport) => {
      const name = `stale-${transport}.example`;
      lab.behave(name, answering({ answers: ANSWERS, additionals: [explanation(3, 'stale')] }));
      for (const source of ['upstream', 'cache']) {
        const reply = await lab.ask(transport, { name, edns: {} });
        assert.deepEqual(reply.ede, { code: 3, text: 'stale' }, source);
        assert.equal(reply.answers.length, 1);
      }
      assert.equal((await lab.ask(transport, { name })).opt, undefined);
      assert.equal(lab.asked(name), 1);
    },
  );
});

/** An OPT record with an extended error (RFC 8914 §2). */
function explanation(code: number, text: string): Uint8Array {
  const error = concat(rawU16(code), Buffer.from(text));
  return rawRecord(rawName(), TYPE.opt, 0, concat(rawU16(OPTION.extendedError, error.length), error), 1232);
}

test('each kind is counted', async () => {
  for (const outcome of new Set(FAULTS.map((fault) => fault.outcome))) {
    assert.ok((await lab.counter('dns4tor_upstream_requests_total', { outcome })) > 0, outcome);
  }
});

test('a failure of the resolver itself is counted, and shown among the errors', async () => {
  const reason = 'response_failure';
  assert.ok((await lab.counter('dns4tor_failures_total', { reason })) >= 8);
  const { errors } = JSON.parse((await lab.daemon.page('/api/status')).body) as StatusSnapshot;
  assert.ok((errors.find((error) => error.reason === reason)?.answers ?? 0) >= 8);
});

test('RFC 8484 §6: an answer of 65,535 octets, the maximum, passes (TCP)', async () => {
  lab.behave('largest.example', sized(65_535));
  const reply = await lab.ask('tcp', { name: 'largest.example', type: 'UNKNOWN_65400' });
  assert.equal(reply.rcode, 'NOERROR');
  assert.equal(reply.wire.length, 65_535);
});

testOverBoth('RFC 8484 §6: a content type with parameters or in upper case is the same type', async (transport) => {
  const types = ['application/dns-message; charset=utf-8', 'Application/DNS-Message'];
  for (const [i, type] of types.entries()) {
    const name = `type-${i}-${transport}.example`;
    lab.behave(name, ({ query }) => ({
      headers: { 'content-type': type },
      body: responseTo(query, { answers: ANSWERS }),
    }));
    assert.equal((await lab.ask(transport, { name })).answers.length, 1);
  }
});

test('RFC 9110 §15.4: redirects are never followed', () => {
  assert.ok(lab.upstream.requests.every(({ headers }) => headers[':path'] === '/dns-query'));
});
