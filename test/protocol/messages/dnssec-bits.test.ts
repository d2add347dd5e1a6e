import assert from 'node:assert/strict';
import { after } from 'node:test';
import { startLab } from '../lab.ts';
import { type Transport, testOverBoth } from '../raw-client.ts';
import { FLAG, type Reply } from '../reply.ts';
import { addressOf, QNAME, questionOf, RESPONSE_FLAGS, responseTo } from '../upstream-messages.ts';

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

/** The DO and CD bits of an upstream query, whose OPT record follows the question. */
function bitsOf(query: Uint8Array): { readonly dnssecOk: boolean; readonly checkingDisabled: boolean } {
  const wire = Buffer.from(query);
  const ttlOffset = 12 + questionOf(query).length + 5;
  return {
    dnssecOk: (wire.readUInt16BE(ttlOffset + 2) & 0x8000) !== 0,
    checkingDisabled: (wire.readUInt16BE(2) & FLAG.CD) !== 0,
  };
}

/** Encodes the bits of the query in the address of the answer. Always AD=1. */
function tellBits(name: string): void {
  lab.behave(name, ({ query }) => {
    const { dnssecOk, checkingDisabled } = bitsOf(query);
    const lastOctet = 100 + (dnssecOk ? 10 : 0) + (checkingDisabled ? 1 : 0);
    return {
      body: responseTo(query, { flags: RESPONSE_FLAGS | FLAG.AD, answers: [addressOf(QNAME, 300, lastOctet)] }),
    };
  });
}

function askWith(
  transport: Transport,
  name: string,
  bits: { readonly dnssecOk?: boolean; readonly cd?: boolean; readonly ad?: boolean; readonly edns?: boolean },
): Promise<Reply> {
  const { dnssecOk = false, cd = false, ad = false, edns = dnssecOk } = bits;
  return lab.ask(transport, {
    name,
    flags: FLAG.RD | (cd ? FLAG.CD : 0) | (ad ? FLAG.AD : 0),
    ...(edns && { edns: { dnssecOk } }),
  });
}

testOverBoth(
  'RFC 3225 §3, RFC 4035 §3.2.2, RFC 6840 §5.9: DO and CD are sent upstream, and their answers are cached separately',
  async (transport) => {
    const name = `bits-${transport}.example`;
    tellBits(name);
    const variants = [
      [{}, '192.0.2.100'],
      [{ dnssecOk: true }, '192.0.2.110'],
      [{ cd: true }, '192.0.2.101'],
      [{ dnssecOk: true, cd: true }, '192.0.2.111'],
    ] as const;
    for (const [bits, address] of [...variants, ...variants.toReversed(), ...variants]) {
      const reply = await askWith(transport, name, bits);
      assert.deepEqual(
        reply.answers.map(({ data }) => data),
        [address],
      );
    }
    assert.equal(lab.asked(name), variants.length);
  },
);

testOverBoth(
  'RFC 6840 §5.7, §5.8: AD only for queries with AD or DO, also when interleaved from one cached answer',
  async (transport) => {
    const name = `ad-${transport}.example`;
    tellBits(name);
    for (let round = 0; round < 2; round++) {
      for (const [bits, understands] of [
        [{}, false],
        [{ ad: true }, true],
        [{ edns: true }, false],
        [{ dnssecOk: true }, true],
        [{ dnssecOk: true, ad: true }, true],
      ] as const) {
        const { flags } = await askWith(transport, name, bits);
        assert.equal((flags & FLAG.AD) !== 0, understands, JSON.stringify(bits));
      }
    }
    assert.equal(lab.asked(name), 2);
  },
);

testOverBoth('RFC 4035 §3.2.3: AD is never set without AD from upstream, nor for local answers', async (transport) => {
  for (const name of [`unsigned-${transport}.example`, 'localhost', 'printer.local']) {
    const { flags } = await askWith(transport, name, { ad: true, dnssecOk: true });
    assert.equal(flags & FLAG.AD, 0, name);
  }
});

testOverBoth(
  'RFC 4035 §3.2.2: CD is copied into replies from upstream, from the cache and in refusals',
  async (transport) => {
    const name = `cd-${transport}.example`;
    for (const [asked, cd] of [
      [name, true],
      [name, true],
      [name, false],
      ['localhost', true],
    ] as const) {
      const { flags } = await askWith(transport, asked, { cd });
      assert.equal((flags & FLAG.CD) !== 0, cd);
    }
    const refused = await lab.ask(transport, { name, type: 'AXFR', flags: FLAG.RD | FLAG.CD });
    assert.equal(refused.flags & FLAG.CD, FLAG.CD);
  },
);
