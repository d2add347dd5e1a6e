import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { rawName, rawRecord } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { type Transport, testOverBoth } from '../raw-client.ts';
import type { Reply } from '../reply.ts';
import { askUntilAnswered, askUntilKept } from '../upstream/kept-failure.ts';
import { addressOf, alias, answering, QNAME } from '../upstream-messages.ts';

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

const DNAME = 39;

function link(number: number): Uint8Array {
  return rawName(`link-${number}`, 'example');
}

/** A chain of `length` aliases from QNAME to an address. */
function chainOf(length: number): Uint8Array[] {
  const aliases = Array.from({ length }, (_, i) => alias(i === 0 ? QNAME : link(i), link(i + 1)));
  return [...aliases, addressOf(link(length))];
}

/** Queries twice with these upstream answers, and checks that the second reply came from the cache. */
async function askTwice(transport: Transport, label: string, answers: readonly Uint8Array[]): Promise<Reply[]> {
  const name = `${label}-${transport}.example`;
  lab.behave(name, answering({ answers }));
  const replies = [await lab.ask(transport, { name, edns: {} }), await lab.ask(transport, { name, edns: {} })];
  assert.equal(lab.asked(name), 1);
  return replies;
}

async function assertRefused(transport: Transport, label: string, answers: readonly Uint8Array[]): Promise<void> {
  const name = `${label}-${transport}.example`;
  lab.behave(name, answering({ answers }));
  const first = await lab.ask(transport, { name, edns: {} });
  assert.deepEqual([first.rcode, first.ede?.code, first.answers], ['SERVFAIL', 24, []]);
  const kept = await askUntilKept(lab, transport, name);
  assert.deepEqual([kept.rcode, kept.answers], ['SERVFAIL', []]);
  assert.equal((await askUntilAnswered(lab, transport, name)).answers.length, 1);
}

// Each test has names of its own, and some wait a second for cached failures to expire.
describe('alias chains', { concurrency: 8 }, () => {
  testOverBoth('RFC 1034 §3.6.2: a chain of 16 aliases is passed on completely', async (transport) => {
    for (const reply of await askTwice(transport, 'sixteen', chainOf(16))) {
      assert.equal(reply.rcode, 'NOERROR');
      assert.equal(reply.answers.length, 17);
    }
  });

  testOverBoth('RFC 1034 §3.6.2: the aliases of a chain may be in any order', async (transport) => {
    for (const reply of await askTwice(transport, 'reversed', chainOf(11).toReversed())) {
      assert.equal(reply.answers.length, 12);
    }
  });

  testOverBoth(
    'RFC 1034 §3.6.2: a chain of 17 aliases is SERVFAIL with EDE 24, and a good answer follows',
    async (transport) => {
      await assertRefused(transport, 'seventeen', chainOf(17));
    },
  );

  testOverBoth(
    'RFC 1034 §3.6.2: an alias of itself, of an earlier name, and a later loop are SERVFAIL with EDE 24, and a good answer follows',
    async (transport) => {
      const loops = {
        self: [alias(QNAME, QNAME)],
        pair: [alias(QNAME, link(1)), alias(link(1), QNAME)],
        late: [alias(QNAME, link(1)), alias(link(1), link(2)), alias(link(2), link(1)), addressOf(link(2))],
      };
      for (const [label, answers] of Object.entries(loops)) await assertRefused(transport, label, answers);
    },
  );

  testOverBoth(
    'RFC 5452 §6: records of an unrelated name are SERVFAIL with EDE 24, and a good answer follows',
    async (transport) => {
      const outside = {
        other: [addressOf(), addressOf(rawName('bank', 'example'), 86_400, 66)],
        only: [addressOf(rawName('bank', 'example'), 86_400, 66)],
        parent: [addressOf(rawName('example')), addressOf()],
        aside: [alias(QNAME, link(1)), addressOf(link(1)), alias(rawName('bank', 'example'), link(1))],
      };
      for (const [label, answers] of Object.entries(outside)) await assertRefused(transport, label, answers);
      // They did not become an answer for their own name.
      const bank = await lab.ask(transport, { name: 'bank.example' });
      assert.deepEqual(
        bank.answers.map(({ data }) => data),
        ['192.0.2.1'],
      );
    },
  );

  testOverBoth(
    'RFC 6672 §3.1: a DNAME record above the name is passed on, with the alias synthesized from it',
    async (transport) => {
      const target = rawName(`dname-${transport}`, 'elsewhere');
      const answers = [
        rawRecord(rawName('example'), DNAME, 300, rawName('elsewhere')),
        alias(QNAME, target),
        addressOf(target),
      ];
      for (const reply of await askTwice(transport, 'dname', answers)) assert.equal(reply.answers.length, 3);
    },
  );

  testOverBoth('RFC 4343 §3: the names of a chain match regardless of case', async (transport) => {
    const answers = [alias(QNAME, rawName('LINK', 'Example')), addressOf(rawName('link', 'eXAMPLE'))];
    for (const reply of await askTwice(transport, 'cased', answers)) assert.equal(reply.answers.length, 2);
  });
});
