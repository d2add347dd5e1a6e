import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DROPS } from '../fixtures/doh-behaviours.ts';
import type { DohBehaviour } from '../fixtures/recording-doh-server.ts';
import { startLab } from './lab.ts';
import type { Reply } from './reply.ts';

/** Asked twenty times a second of others, and twice a second of the name that the resolver does not bear. */
const OTHERS = 80;
const OTHERS_EVERY_MS = 50;
const POISON_EVERY = 10;

/** Of the resolver's other answers, so that some are on their way when a connection ends. */
const ANSWER_MS = 80;

const POISON = 'poison.example';

/** Each reply comes later, and the end of a connection too. */
function slowly(behaviour: DohBehaviour): DohBehaviour {
  return async (request) => {
    await setTimeout(ANSWER_MS);
    return behaviour(request);
  };
}

// All of their time is waiting, so that they wait together.
describe('a resolver that ends the connection whenever it is asked for one name', { concurrency: true }, () => {
  for (const [kind, drop] of Object.entries(DROPS)) {
    test(`${kind}: no other query fails, and RFC 9520 §3.2: the failure is remembered`, async (t) => {
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
    });
  }
});
