import assert from 'node:assert/strict';
import { after } from 'node:test';
import {
  buildQuery,
  concat,
  rawMessage,
  rawName,
  rawOpt,
  rawQuestion,
  rawRecord,
  rawU16,
} from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { testOverBoth } from '../raw-client.ts';
import { FLAG, OPTION } from '../reply.ts';
import { addressOf, answering, responseTo, TYPE } from '../upstream-messages.ts';

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

const QUESTION = rawQuestion(rawName('edns', 'example'));

/** An option in wire format (RFC 6891 §6.1.2). */
function option(code: number, ...data: readonly number[]): Uint8Array {
  return concat(rawU16(code, data.length), Uint8Array.from(data));
}

function optWith(rdata: Uint8Array): Uint8Array {
  return rawRecord(rawName(), TYPE.opt, 0, rdata, 1232);
}

testOverBoth('RFC 6891 §6.1.1: two OPT records are FORMERR', async (transport) => {
  const query = rawMessage({ flags: FLAG.RD, questions: [QUESTION], additionals: [rawOpt(), rawOpt()] });
  assert.equal((await lab.ask(transport, query)).rcode, 'FORMERR');
  assert.equal(lab.asked('edns.example'), 0);
});

testOverBoth(
  'RFC 6891 §6.1.2: an OPT record with a name other than the root, or with wrong option lengths, is FORMERR',
  async (transport) => {
    for (const opt of [
      rawOpt(0, 1232, rawName('opt')),
      optWith(rawU16(65_001)),
      optWith(rawU16(65_001, 1)),
      optWith(concat(option(65_001, 1, 2), Uint8Array.of(0))),
      optWith(concat(rawU16(65_001, 3), Uint8Array.of(1, 2))),
    ]) {
      const query = rawMessage({ flags: FLAG.RD, questions: [QUESTION], additionals: [opt] });
      assert.equal((await lab.ask(transport, query)).rcode, 'FORMERR');
    }
    assert.equal(lab.asked('edns.example'), 0);
  },
);

testOverBoth(
  'RFC 6891 §6.1.3: a version above 0 is BADVERS, with version 0 and without an answer',
  async (transport) => {
    for (const version of [1, 2, 255]) {
      const reply = await lab.ask(transport, { name: 'localhost', edns: { version } });
      assert.equal(reply.rcode, 'BADVERS');
      assert.equal(reply.opt?.version, 0);
      assert.deepEqual(reply.answers, []);
    }
  },
);

testOverBoth('RFC 6891 §6.1.1: the reply has an OPT record if and only if the query has one', async (transport) => {
  const name = `opt-${transport}.example`;
  lab.behave(name, answering({ answers: [addressOf()], additionals: [rawOpt(0, 4096)] }));
  const queries = [{ name }, { name: 'localhost' }, { name, type: 'AXFR' }, { name: `failing-${transport}.example` }];
  lab.behave(`failing-${transport}.example`, () => ({ status: 500, body: Buffer.alloc(0) }));
  for (const query of queries) {
    const [without, withOpt] = [await lab.ask(transport, query), await lab.ask(transport, { ...query, edns: {} })];
    assert.equal(without.opt, undefined);
    assert.equal(withOpt.opt?.version, 0);
    assert.equal(withOpt.rcode, without.rcode);
  }
});

testOverBoth(
  'RFC 6891 §6.2.1, §7: OPT is hop by hop, so nothing of the OPT record of upstream reaches a client',
  async (transport) => {
    const name = `hop-${transport}.example`;
    const upstreamOpt = rawRecord(
      rawName(),
      TYPE.opt,
      0,
      concat(
        option(OPTION.nsid, 1, 2, 3),
        option(OPTION.cookie, ...Buffer.alloc(16, 7)),
        option(OPTION.padding, 0, 0, 0),
      ),
      4096,
    );
    lab.behave(name, answering({ answers: [addressOf()], additionals: [upstreamOpt] }));
    for (const source of ['upstream', 'cache']) {
      const { opt, additionals } = await lab.ask(transport, { name, edns: {} });
      assert.deepEqual(opt, { version: 0, udpPayloadBytes: 1232, dnssecOk: false, options: new Map() }, source);
      assert.deepEqual(additionals, []);
    }
  },
);

testOverBoth('RFC 9715 §3: clients and upstream see an advertised size of 1232 octets', async (transport) => {
  const name = `payload-${transport}.example`;
  const reply = await lab.ask(transport, { name, edns: { udpPayloadBytes: 4096 } });
  assert.equal(reply.opt?.udpPayloadBytes, 1232);
  const { query = Buffer.alloc(0) } = lab.upstream.requests.at(-1) ?? {};
  const questionEnd = buildQuery({ name }).length;
  assert.equal(Buffer.from(query).readUInt16BE(questionEnd + 1), TYPE.opt);
  assert.equal(Buffer.from(query).readUInt16BE(questionEnd + 3), 1232);
});

testOverBoth(
  'RFC 7871 §7.1.3, RFC 7873, RFC 5001, RFC 6891 §6.1.2: clients’ options are not sent upstream, not returned, and not part of the cache key',
  async (transport) => {
    const name = `options-${transport}.example`;
    const clientSubnets = [
      { code: OPTION.clientSubnet, data: Uint8Array.of(0, 1, 24, 0, 198, 51, 100) },
      { code: OPTION.clientSubnet, data: Uint8Array.of(0, 1, 24, 0, 203, 0, 113) },
      { code: OPTION.clientSubnet, data: Uint8Array.of(0, 1, 0, 0) },
    ];
    const others = [
      { code: OPTION.cookie, data: Buffer.from('clientck') },
      { code: OPTION.nsid, data: new Uint8Array(0) },
      { code: OPTION.padding, data: new Uint8Array(50) },
      { code: 65_001, data: Buffer.from('of my own') },
    ];
    for (const sent of [[], ...clientSubnets.map((subnet) => [subnet]), others]) {
      const reply = await lab.ask(transport, { name, edns: { options: sent } });
      assert.equal(reply.rcode, 'NOERROR');
      assert.deepEqual(reply.opt?.options, new Map());
    }
    const fresh = await lab.ask(transport, {
      name: `fresh-${name}`,
      edns: { options: [...clientSubnets.slice(0, 1), ...others] },
    });
    assert.equal(fresh.answers.length, 1);
    assert.equal(lab.asked(name), 1);
    const sent = lab.upstream.requests.map(({ query }) => Buffer.from(query).toString('latin1'));
    assert.ok(sent.every((query) => !/clientck|of my own|\xc6\x33\x64/.test(query)));
    const seen = lab.upstream.requests.map(({ query }) => optionCodes(Buffer.from(query)));
    assert.ok(seen.every((codes) => codes.length === 1 && codes[0] === OPTION.padding));
  },
);

/** The options of an upstream query, whose only additional record is OPT. */
function optionCodes(query: Buffer): number[] {
  const questionEnd = query.indexOf(0, 12) + 5;
  const codes: number[] = [];
  let offset = questionEnd + 11;
  while (offset < query.length) {
    codes.push(query.readUInt16BE(offset));
    offset += 4 + query.readUInt16BE(offset + 2);
  }
  return codes;
}

testOverBoth(
  'RFC 8467 §4.1: upstream queries are multiples of 128 octets, whatever the length of the name',
  async (transport) => {
    const before = lab.upstream.requests.length;
    for (const length of [1, 20, 61, 62, 63]) {
      await lab.ask(transport, { name: `${'p'.repeat(length)}.${'q'.repeat(length)}.${transport}.example` });
    }
    const sizes = lab.upstream.requests.slice(before).map(({ query }) => query.length);
    assert.deepEqual(
      sizes.map((size) => size % 128),
      [0, 0, 0, 0, 0],
    );
    assert.ok(new Set(sizes).size > 1, 'the names were meant to need one block and two');
  },
);

testOverBoth(
  'RFC 7830 §6: replies are not padded, because padding is useless without encryption',
  async (transport) => {
    const padding = { code: OPTION.padding, data: new Uint8Array(100) };
    const reply = await lab.ask(transport, { name: 'localhost', edns: { options: [padding] } });
    assert.equal(reply.opt?.options.has(OPTION.padding), false);
  },
);

testOverBoth(
  'RFC 7828 §3.2.1, §3.3.2: keepalive is answered only over TCP, and only if requested',
  async (transport) => {
    for (const name of ['localhost', `keepalive-${transport}.example`]) {
      const asking = { edns: { options: [{ code: OPTION.keepalive, data: new Uint8Array(0) }] } };
      const asked = await lab.ask(transport, { name, ...asking });
      // The default of ten seconds, in units of 100 ms.
      const expected = transport === 'tcp' ? 100 : undefined;
      assert.equal(asked.opt?.options.get(OPTION.keepalive)?.readUInt16BE(0), expected);
      const notAsked = await lab.ask(transport, { name, edns: {} });
      assert.equal(notAsked.opt?.options.has(OPTION.keepalive), false);
    }
  },
);

testOverBoth('RFC 3225 §3: DO is copied into the reply’s OPT record', async (transport) => {
  for (const dnssecOk of [true, false]) {
    const reply = await lab.ask(transport, { name: 'localhost', edns: { dnssecOk } });
    assert.equal(reply.opt?.dnssecOk, dnssecOk);
  }
});

testOverBoth(
  'RFC 6891 §6.1.1: an answer with two OPT records, or with one in the answer section, is SERVFAIL with EDE 24 and unused',
  async (transport) => {
    const misplaced = ['answers', 'authorities'] as const;
    for (const [label, parts] of [
      ['twice', { answers: [addressOf()], additionals: [rawOpt(), rawOpt()] }],
      ...misplaced.map((section) => [section, { answers: [addressOf()], [section]: [addressOf(), rawOpt()] }] as const),
    ] as const) {
      const name = `${label}-${transport}.example`;
      lab.behave(name, ({ query }) => ({ body: responseTo(query, parts) }));
      const reply = await lab.ask(transport, { name, edns: {} });
      assert.equal(reply.rcode, 'SERVFAIL', label);
      assert.equal(reply.ede?.code, 24, label);
      assert.deepEqual(reply.answers, []);
    }
  },
);
