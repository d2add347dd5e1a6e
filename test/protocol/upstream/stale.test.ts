import assert from 'node:assert/strict';
import { after } from 'node:test';
import { failureText } from '../../../src/failures/failures.ts';
import { resetStream } from '../../fixtures/dns/doh-behaviours.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { startLab } from '../lab.ts';
import { type Transport, testOverBoth } from '../raw-client.ts';
import type { Reply } from '../reply.ts';
import { addressOf, answering, GOOD, QNAME, RCODE, RESPONSE_FLAGS, startOfAuthority } from '../upstream-messages.ts';

const STALE_TTL = 30;
const EDE = { staleAnswer: 3, staleNxdomain: 19 } as const;

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

/** Caches an answer with a TTL of one second, changes upstream's behaviour, and queries until the answer is stale. */
async function askUntilStale(
  transport: Transport,
  name: string,
  first: DohBehaviour,
  then: DohBehaviour,
): Promise<Reply> {
  lab.behave(name, first);
  await lab.ask(transport, { name });
  lab.behave(name, then);
  let reply: Reply | undefined;
  await waitUntil('the answer expires', PATIENCE_MS, async () => {
    reply = await lab.ask(transport, { name, edns: {} });
    return ttlsOf(reply).includes(STALE_TTL);
  });
  assert.ok(reply !== undefined);
  return reply;
}

function ttlsOf({ answers, authorities }: Reply): number[] {
  return [...answers, ...authorities].map(({ ttlSeconds }) => ttlSeconds);
}

testOverBoth(
  'RFC 8767 §4, RFC 8914 §4.4: while upstream fails, a stale answer is returned with TTL 30 and EDE 3',
  async (transport) => {
    const name = `failing-${transport}.example`;
    const reply = await askUntilStale(transport, name, answering({ answers: [addressOf(QNAME, 1)] }), resetStream);
    assert.equal(reply.rcode, 'NOERROR');
    assert.deepEqual(ttlsOf(reply), [STALE_TTL]);
    assert.equal(reply.ede?.code, EDE.staleAnswer);
  },
);

testOverBoth(
  'RFC 8767 §5: a stale answer is also returned after 1.8 s without upstream’s answer, which is then cached',
  async (transport) => {
    const name = `slow-${transport}.example`;
    const held = Promise.withResolvers<void>();
    const slow: DohBehaviour = async (request) => {
      await held.promise;
      return GOOD(request);
    };
    const reply = await askUntilStale(transport, name, answering({ answers: [addressOf(QNAME, 1)] }), slow);
    assert.equal(reply.ede?.code, EDE.staleAnswer);
    assert.equal(reply.ede?.text, failureText('ERR_SLOW'));
    const asked = lab.asked(name);
    held.resolve();
    await waitUntil('the fresh answer is returned', PATIENCE_MS, async () =>
      ttlsOf(await lab.ask(transport, { name })).every((ttl) => ttl > STALE_TTL),
    );
    assert.equal(lab.asked(name), asked);
    assert.ok((await lab.counter('dns4tor_stale_total', { reason: 'slow' })) > 0);
  },
);

testOverBoth('RFC 8914 §4.20: a stale NXDOMAIN is returned with EDE 19', async (transport) => {
  const denial = { flags: RESPONSE_FLAGS | RCODE.nxdomain, authorities: [startOfAuthority(QNAME, 1, 1)] };
  const reply = await askUntilStale(transport, `denied-${transport}.example`, answering(denial), resetStream);
  assert.equal(reply.rcode, 'NXDOMAIN');
  assert.equal(reply.ede?.code, EDE.staleNxdomain);
});
