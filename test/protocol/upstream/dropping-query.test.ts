import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DROPS } from '../../fixtures/dns/doh-behaviours.ts';
import type { DohBehaviour } from '../../fixtures/dns/recording-doh-server.ts';
import { startLab } from '../lab.ts';
import type { Reply } from '../reply.ts';

/** Twenty queries a second for other names, and two a second for the name that makes the resolver drop connections. */
const OTHERS = 80;
const OTHERS_EVERY_MS = 50;
const POISON_EVERY = 10;

/** Response time of the resolver, so that other queries are in flight when a connection ends. */
const ANSWER_MS = 80;

const POISON = 'poison.example';

/** Delays `behaviour`, whether it answers or ends the connection. */
function slowly(behaviour: DohBehaviour): DohBehaviour {
  return async (request) => {
    await setTimeout(ANSWER_MS);
    return behaviour(request);
  };
}

// These tests mostly wait, so they run concurrently.
describe('a resolver that drops the connection on every query for one name', { concurrency: true }, () => {
  for (const [kind, drop] of Object.entries(DROPS)) {
    test(`${kind}: the query fails, the failure is remembered, and no other query fails`, async (t) => {
      await using lab = await startLab('--circuits', '3');
      lab.behave(POISON, drop);
      lab.upstream.behaviour = slowly(lab.upstream.behaviour);
      const connectionsBefore = lab.upstream.connections;
      const others: Promise<Reply>[] = [];
      const poisoned: Promise<Reply>[] = [];
      for (let i = 0; i < OTHERS; i++) {
        others.push(lab.ask('udp', { name: `n${i}.other.example`, edns: {} }));
        if (i % POISON_EVERY === 0) poisoned.push(lab.ask('udp', { name: POISON, edns: {} }));
        await setTimeout(OTHERS_EVERY_MS);
      }
      const failures = (await Promise.all(others)).filter(({ rcode }) => rcode !== 'NOERROR');
      const failed = failures.length;
      const connections = lab.upstream.connections - connectionsBefore;
      const asked = lab.asked(POISON);
      t.diagnostic(`${failed} of ${OTHERS} others failed, asked ${asked} times in ${connections} connections`);
      for (const { ede } of failures) t.diagnostic(`EDE ${ede?.code}: ${ede?.text}`);
      for (const { rcode } of await Promise.all(poisoned)) assert.equal(rcode, 'SERVFAIL');
      assert.equal(failed, 0);
      // RFC 9520 §3.2: a failure that nobody remembers would cost two requests for every query.
      assert.ok(asked < 2 * poisoned.length, `${asked} requests for ${poisoned.length} queries`);
    });
  }
});
