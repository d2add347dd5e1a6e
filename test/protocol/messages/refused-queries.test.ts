import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { buildQuery, rawMessage, rawName, rawQuestion, rawRecord } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { testOverBoth } from '../raw-client.ts';
import { FLAG } from '../reply.ts';
import { startOfAuthority } from '../upstream-messages.ts';

/*
 * Messages that are not standard queries for Internet names. The last test checks that none of them reached upstream.
 */

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());
const NOTIMP = 4;
const requestsAtStart = lab.upstream.requests.length;

const OPCODES = [
  ['RFC 3425 §3: IQUERY', 1],
  ['RFC 1035 §4.1.1: STATUS', 2],
  ['RFC 1035 §4.1.1: opcode 3, which is unassigned,', 3],
  ['RFC 1996 §3: NOTIFY', 4],
  ['RFC 2136 §2.2: UPDATE', 5],
  ['RFC 8490 §5.1: DSO', 6],
  ['RFC 1035 §4.1.1: opcode 15, which is unassigned,', 15],
] as const;

for (const [name, opcode] of OPCODES) {
  testOverBoth(`${name} is NOTIMP in a header alone, and counted`, async (transport) => {
    const failures = { reason: 'query_opcode' };
    const responses = { rcode: 'NOTIMP', plugin: 'policy' };
    const [failed, responded] = [
      await lab.counter('dns4tor_failures_total', failures),
      await lab.counter('coredns_dns_responses_total', responses),
    ];
    const query = buildQuery({ id: 0xabcd, name: 'opcode.example', flags: (opcode << 11) | FLAG.RD, edns: {} });
    const reply = await lab.ask(transport, query);
    // RFC 8906 §3.1.4.
    assert.deepEqual(reply.wire, Buffer.from(rawMessage({ id: 0xabcd, flags: FLAG.QR | (opcode << 11) | NOTIMP })));
    assert.equal(await lab.counter('dns4tor_failures_total', failures), failed + 1);
    assert.equal(await lab.counter('coredns_dns_responses_total', responses), responded + 1);
  });
}

testOverBoth('RFC 8490 §5.1, RFC 3425 §3: the same without a question, as in DSO and IQUERY', async (transport) => {
  const iquery = rawMessage({
    flags: 1 << 11,
    answers: [rawRecord(rawName(), 1, 0, Uint8Array.of(192, 0, 2, 1))],
  });
  for (const query of [rawMessage({ flags: 6 << 11 }), iquery]) {
    assert.equal((await lab.ask(transport, query)).rcode, 'NOTIMP');
  }
});

testOverBoth('RFC 2136 §2, RFC 1996 §3.7: UPDATE and NOTIFY with all their sections are NOTIMP', async (transport) => {
  const zone = rawName('zone', 'example');
  const update = rawMessage({
    flags: 5 << 11,
    questions: [rawQuestion(zone, 6)],
    authorities: [rawRecord(rawName('new', 'zone', 'example'), 1, 300, Uint8Array.of(192, 0, 2, 1))],
  });
  const notify = rawMessage({
    flags: (4 << 11) | FLAG.AA,
    questions: [rawQuestion(zone, 6)],
    answers: [startOfAuthority(zone, 300, 60)],
  });
  for (const query of [update, notify]) assert.equal((await lab.ask(transport, query)).rcode, 'NOTIMP');
});

testOverBoth('RFC 5936 §2, RFC 1995 §2: AXFR and IXFR are REFUSED with EDE 21', async (transport) => {
  const name = rawName('zone', 'example');
  const ixfr = rawMessage({
    flags: FLAG.RD,
    questions: [rawQuestion(name, 251)],
    authorities: [startOfAuthority(name, 300, 60)],
  });
  assert.equal((await lab.ask(transport, ixfr)).rcode, 'REFUSED');
  for (const type of ['AXFR', 'IXFR']) {
    for (const flags of [0, FLAG.RD]) {
      const reply = await lab.ask(transport, { name: 'zone.example', type, flags, edns: {} });
      assert.equal(reply.rcode, 'REFUSED');
      assert.equal(reply.ede?.code, 21);
      assert.deepEqual(reply.answers, []);
    }
  }
  assert.ok((await lab.counter('dns4tor_failures_total', { reason: 'query_transfer' })) >= 5);
});

testOverBoth('RFC 4892 §2: class CH queries for the server’s identity and version are REFUSED', async (transport) => {
  for (const name of ['version.bind', 'version.server', 'hostname.bind', 'id.server', 'authors.bind']) {
    const reply = await lab.ask(transport, { name, type: 'TXT', class: 'CH', edns: {} });
    assert.equal(reply.rcode, 'REFUSED');
    assert.equal(reply.ede?.code, 21);
    assert.deepEqual([...reply.answers, ...reply.authorities, ...reply.additionals], []);
    assert.doesNotMatch(reply.wire.toString('latin1'), /dns4tor|node|\d+\.\d+\.\d+/i);
  }
  assert.ok((await lab.counter('dns4tor_failures_total', { reason: 'query_class' })) >= 5);
});

testOverBoth('RFC 1035 §3.2.4: the classes HS, ANY and NONE, and unassigned ones, are REFUSED', async (transport) => {
  for (const qclass of [0, 2, 4, 254, 255, 0xffff]) {
    const query = rawMessage({ flags: FLAG.RD, questions: [rawQuestion(rawName('class', 'example'), 1, qclass)] });
    assert.equal((await lab.ask(transport, query)).rcode, 'REFUSED', `class ${qclass}`);
  }
});

testOverBoth('RFC 6895 §3.1: queries for meta-types such as OPT, TSIG and MAILB are FORMERR', async (transport) => {
  for (const type of [41, 128, 249, 250, 253, 254]) {
    const query = rawMessage({ flags: FLAG.RD, questions: [rawQuestion(rawName('meta', 'example'), type)] });
    assert.equal((await lab.ask(transport, query)).rcode, 'FORMERR', `type ${type}`);
  }
});

testOverBoth('RFC 8482 §4.2: ANY gets one small local HINFO record, even for a cached name', async (transport) => {
  const name = 'any.example';
  for (const edns of [undefined, { dnssecOk: true }]) {
    const query = buildQuery({ name, type: 'ANY', ...(edns && { edns }) });
    const reply = await lab.ask(transport, query);
    assert.equal(reply.rcode, 'NOERROR');
    assert.deepEqual(
      reply.answers.map(({ type, data }) => [type, data]),
      [['HINFO', { cpu: 'RFC8482', os: '' }]],
    );
    assert.ok(reply.wire.length < 2 * query.length, 'it amplifies');
  }
});

test('RFC 9076 §6: none of these messages reached upstream', () => {
  assert.equal(lab.upstream.requests.length, requestsAtStart);
});
