import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, parseAnswer } from '../../../src/message/answer/answer.ts';
import {
  addressRecord,
  buildResponse,
  concat,
  decodeReply,
  type RawSpec,
  rawMessage,
  rawName,
  rawOpt,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
  soaRecord,
} from '../../fixtures/dns/messages.ts';

const QR = 0x8180;
const QNAME = rawPointer(12);
const QUESTION = rawQuestion(rawName('Example', 'COM'));
const ADDRESS = rawRecord(QNAME, 1, 300, Uint8Array.of(192, 0, 2, 1));

function parseRaw(spec: Partial<RawSpec>): Answer {
  return parseAnswer(rawMessage({ id: 0, flags: QR, questions: [QUESTION], ...spec }));
}

function message(answer: Answer): Uint8Array {
  return answer.bytes.subarray(0, answer.messageBytes);
}

const MALFORMED = { code: 'ERR_RESPONSE_MALFORMED' };

test('an answer is the upstream’s bytes with ID 0 and QNAME in lower case; nothing else changes', () => {
  const spec = {
    flags: 0x81b0,
    answers: [ADDRESS, rawRecord(rawName('SPELT', 'So'), 1, 60, Buffer.from('DaTa'))],
  };
  const answer = parseRaw({ ...spec, id: 0x4242 });
  const expected = rawMessage({ ...spec, id: 0, questions: [rawQuestion(rawName('example', 'com'))] });
  assert.deepEqual(Buffer.from(message(answer)), Buffer.from(expected));
  assert.equal(answer.questionEnd, 12 + QUESTION.length);
});

test('QTYPE and QCLASS octets that look like capital letters do not change', () => {
  const answer = parseRaw({ questions: [rawQuestion(rawName('a'), 0x4142, 0x5a59)] });
  assert.deepEqual([...message(answer).subarray(15)], [0x41, 0x42, 0x5a, 0x59]);
});

test('the answer does not share memory with the input', () => {
  const wire = rawMessage({ flags: QR, questions: [QUESTION], answers: [ADDRESS] });
  const answer = parseAnswer(wire);
  const before = Buffer.from(answer.bytes).toString('hex');
  wire.fill(0xff);
  assert.equal(Buffer.from(answer.bytes).toString('hex'), before);
});

test('the OPT record is removed from any position among the additional records (RFC 6891 §6.2.1)', () => {
  const nameServer = rawRecord(QNAME, 2, 60, rawName('ns'));
  const glue = rawRecord(rawName('ns'), 1, 60, Uint8Array.of(192, 0, 2, 53));
  const options = rawRecord(rawName(), 41, 0, Uint8Array.of(0, 12, 0, 4, 0, 0, 0, 0), 1232);
  for (const [additionals, expected] of [
    [[options], []],
    [[glue, options], ['A ns']],
    // A gap in place of OPT would invalidate pointers to later records.
    [[options, glue], []],
    [[glue, options, glue], ['A ns']],
  ] as const) {
    const { additionals: kept = [] } = decodeReply(
      message(parseRaw({ answers: [ADDRESS], authorities: [nameServer], additionals })),
    );
    assert.deepEqual(
      kept.map(({ type, name }) => `${type} ${name}`),
      expected,
    );
  }
});

test('two OPT records, or one outside the additional section, are malformed (RFC 6891 §6.1.1)', () => {
  assert.throws(() => parseRaw({ additionals: [rawOpt(), rawOpt()] }), MALFORMED);
  assert.throws(() => parseRaw({ answers: [rawOpt()] }), MALFORMED);
  assert.throws(() => parseRaw({ authorities: [rawOpt()] }), MALFORMED);
});

test('an extended RCODE, which is hop-by-hop, becomes SERVFAIL without records (RFC 6891 §6.1.3)', () => {
  const withRecords = parseRaw({ flags: QR | 0, answers: [ADDRESS], additionals: [rawOpt(0x0100_0000)] });
  assert.deepEqual([withRecords.rcode, withRecords.ttlCount, withRecords.lowestTtl], [2, 0, undefined]);
  assert.equal(decodeReply(message(withRecords)).answers?.length ?? 0, 0);
  assert.equal(parseRaw({ flags: QR | 7, additionals: [rawOpt(0x0100_0000)] }).rcode, 2);
  assert.equal(parseRaw({ flags: QR | 0, additionals: [rawOpt(0xff00_0000)] }).rcode, 2);
  assert.equal(parseRaw({ flags: QR | 2 }).rcode, 2);
});

test('octets behind the last record are cut off', () => {
  const wire = rawMessage({ id: 0, flags: QR, questions: [QUESTION], answers: [ADDRESS] });
  assert.equal(parseAnswer(concat(wire, Uint8Array.of(1, 2, 3))).messageBytes, wire.length);
});

test('a response that is truncated anywhere is malformed', () => {
  const wire = buildResponse({
    answers: [addressRecord('example.com', 300)],
    authorities: [soaRecord('example.com', 60, 60), { type: 'NS', name: 'com', ttl: 60, data: 'ns.example.com' }],
    additionals: [addressRecord('ns.example.com', 300)],
  });
  for (let length = 0; length < wire.length; length++) {
    assert.throws(() => parseAnswer(wire.subarray(0, length)), MALFORMED, `${length} octets`);
  }
  assert.equal(parseAnswer(wire).messageBytes, wire.length);
});

test('a query, a message without exactly one question, or one above 65,535 octets is malformed', () => {
  assert.throws(() => parseRaw({ flags: 0x0100 }), MALFORMED);
  assert.throws(() => parseRaw({ questions: [] }), MALFORMED);
  assert.throws(() => parseRaw({ questions: [QUESTION, QUESTION] }), MALFORMED);
  const wire = rawMessage({ flags: QR, questions: [QUESTION] });
  assert.doesNotThrow(() => parseAnswer(concat(wire, new Uint8Array(65_535 - wire.length))));
  assert.throws(() => parseAnswer(concat(wire, new Uint8Array(65_536 - wire.length))), MALFORMED);
});

test('a record whose owner points forwards, at itself or into the header is malformed (RFC 1035 §4.1.4)', () => {
  const recordAt = 12 + QUESTION.length;
  for (const destination of [0, 2, 11, recordAt, recordAt + 1, recordAt + 12, 0x3fff]) {
    const record = rawRecord(rawPointer(destination), 1, 300, Uint8Array.of(192, 0, 2, 1));
    assert.throws(() => parseRaw({ answers: [record] }), MALFORMED, `pointer to ${destination}`);
  }
});

test('from the first irrelevant record on, all but the RCODE and the extended error is cut off', () => {
  const nameServer = rawRecord(QNAME, 2, 60, rawName('ns'));
  const glue = rawRecord(rawName('ns'), 1, 60, Uint8Array.of(192, 0, 2, 53));
  const foreign = rawRecord(rawName('bank'), 1, 60, Uint8Array.of(192, 0, 2, 66));
  const reason = rawRecord(rawName(), 41, 0, concat(rawU16(15, 2, 4)), 1232);
  for (const [sections, expected] of [
    [{ answers: [ADDRESS], authorities: [nameServer], additionals: [glue, reason] }, [1, 1, 1]],
    [{ answers: [ADDRESS], authorities: [nameServer], additionals: [foreign, glue, reason] }, [1, 1, 0]],
    [{ answers: [ADDRESS], authorities: [nameServer], additionals: [glue, foreign, glue, reason] }, [1, 1, 1]],
    [{ answers: [ADDRESS], authorities: [glue, nameServer], additionals: [glue, reason] }, [1, 0, 0]],
    [{ answers: [ADDRESS, nameServer], authorities: [nameServer], additionals: [glue, reason] }, [1, 0, 0]],
    [{ answers: [nameServer], authorities: [nameServer], additionals: [glue, reason] }, [0, 0, 0]],
  ] as const) {
    const answer = parseRaw(sections);
    const { answers = [], authorities = [], additionals = [] } = decodeReply(message(answer));
    assert.deepEqual([answers.length, authorities.length, additionals.length], expected);
    assert.equal(answer.ttlCount, expected[0] + expected[1] + expected[2]);
    assert.equal(answer.extendedError?.code, 4);
  }
});

test('a name with a pointer into a TTL field is malformed, because TTLs change', () => {
  const ttlAt = 12 + QUESTION.length + 2 + 4;
  // Reads as a name: "a" and the root. One octet further: just the root.
  const ttl = 0x0161_0000;
  for (const destination of [ttlAt, ttlAt + 2]) {
    const target = rawPointer(destination);
    const alias = rawRecord(QNAME, 5, ttl, target);
    assert.throws(() => parseRaw({ answers: [alias] }), MALFORMED, 'in its own RDATA');
    const exchange = rawRecord(QNAME, 15, ttl, concat(rawU16(1), rawName()));
    const behind = rawRecord(target, 15, 300, concat(rawU16(1), rawName()));
    const asked = { questions: [rawQuestion(rawName('Example', 'COM'), 15)] };
    assert.doesNotThrow(() => parseRaw({ ...asked, answers: [exchange] }));
    assert.throws(() => parseRaw({ ...asked, answers: [exchange, behind] }), MALFORMED, 'as an owner');
  }
  const wire = rawMessage({ flags: QR, questions: [QUESTION], answers: [ADDRESS] });
  const before = Buffer.from(wire);
  parseAnswer(wire);
  assert.ok(before.equals(wire), 'the input is as it was');
});

test('an answer with records of QTYPE is data, also at the end of a CNAME chain', () => {
  const cname = rawRecord(QNAME, 5, 300, rawName('target'));
  const target = rawRecord(rawName('target'), 1, 300, Uint8Array.of(192, 0, 2, 1));
  assert.equal(parseRaw({ answers: [ADDRESS] }).kind, 'data');
  assert.equal(parseRaw({ answers: [cname, target] }).kind, 'data');
  assert.equal(parseRaw({ questions: [rawQuestion(rawName('a'), 5)], answers: [cname] }).kind, 'data');
  assert.equal(parseRaw({ questions: [rawQuestion(rawName('a'), 255)], answers: [cname] }).kind, 'data');
});

test('NOERROR without records of QTYPE is NODATA, NXDOMAIN is NXDOMAIN, other RCODEs are failures (RFC 2308 §2)', () => {
  const cname = rawRecord(QNAME, 5, 300, rawName('target'));
  assert.equal(parseRaw({}).kind, 'nodata');
  assert.equal(parseRaw({ answers: [cname] }).kind, 'nodata');
  assert.equal(parseRaw({ authorities: [ADDRESS] }).kind, 'nodata');
  assert.equal(parseRaw({ flags: QR | 3, answers: [cname] }).kind, 'nxdomain');
  for (const rcode of [1, 2, 4, 5, 9])
    assert.equal(parseRaw({ flags: QR | rcode, answers: [ADDRESS] }).kind, 'failure');
  // The upper bits make this another RCODE than NXDOMAIN.
  assert.equal(parseRaw({ flags: QR | 3, additionals: [rawOpt(0x0100_0000)] }).kind, 'failure');
});

test('an SOA record that is too short for its numbers and an RRSIG record that is too short for its type are malformed', () => {
  assert.throws(() => parseRaw({ authorities: [rawRecord(QNAME, 6, 60, new Uint8Array(21))] }), MALFORMED);
  assert.equal(parseRaw({ authorities: [rawRecord(QNAME, 6, 60, new Uint8Array(22))] }).negativeTtl, 0);
  const asked = { questions: [rawQuestion(rawName('a'), 46)] };
  assert.throws(() => parseRaw({ ...asked, answers: [rawRecord(QNAME, 46, 60, Uint8Array.of(0))] }), MALFORMED);
  assert.doesNotThrow(() => parseRaw({ ...asked, answers: [rawRecord(QNAME, 46, 60, rawU16(1))] }));
});
