import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAnswer } from '../../../src/message/answer/answer.ts';
import {
  concat,
  rawMessage,
  rawName,
  rawPointer,
  rawQuestion,
  rawRecord,
  rawU16,
} from '../../fixtures/dns/messages.ts';
import { readStrictly } from '../../protocol/messages/strict-message.ts';

const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, MX: 15, DS: 43, RRSIG: 46, NSEC: 47, NSEC3: 50, HTTPS: 65 } as const;
const QNAME = rawPointer(12);
const SOA_DATA = concat(rawName(), rawName(), new Uint8Array(20));
const ADDRESS = Uint8Array.of(192, 0, 2, 1);
const ALIAS = rawRecord(QNAME, TYPE.CNAME, 300, rawName('cdn', 'example', 'net'));

interface Parts {
  readonly qtype?: number;
  readonly answers?: readonly Uint8Array[];
  readonly authorities?: readonly Uint8Array[];
  readonly additionals?: readonly Uint8Array[];
}

/** Number of relevant records in the authority and additional sections of an answer about WWW.example.com. */
function kept({ qtype = TYPE.A, ...sections }: Parts): readonly [number, number] {
  const questions = [rawQuestion(rawName('WWW', 'example', 'com'), qtype)];
  const { bytes, messageBytes } = parseAnswer(rawMessage({ id: 0, flags: 0x8180, questions, ...sections }));
  const { authorities, additionals } = readStrictly(bytes.subarray(0, messageBytes));
  return [authorities.length, additionals.length];
}

function keepsAuthority(record: Uint8Array, answers: readonly Uint8Array[] = []): boolean {
  return kept({ answers, authorities: [record] })[0] === 1;
}

const signatureOf = (owner: Uint8Array, type: number): Uint8Array =>
  rawRecord(owner, TYPE.RRSIG, 300, concat(rawU16(type), new Uint8Array(20)));

for (const [label, type, data] of [
  ['SOA', TYPE.SOA, SOA_DATA],
  ['NS', TYPE.NS, rawName('ns')],
  ['DS', TYPE.DS, new Uint8Array(36)],
] as const) {
  test(`RFC 2308 §5, RFC 2181 §5.4.1: ${label} records and their RRSIG records are relevant if their zone contains a name of the alias chain`, () => {
    for (const [owner, inZone, behindAlias] of [
      [rawName('www', 'example', 'com'), true, true],
      [rawName('Example', 'Com'), true, true],
      [rawName(), true, true],
      [rawName('net'), false, true],
      [rawName('cdn', 'example', 'net'), false, true],
      [rawName('a', 'www', 'example', 'com'), false, false],
      [rawName('ww', 'example', 'com'), false, false],
      [rawName('ample', 'com'), false, false],
      // Ends in the octets of an ancestor, but not at a label boundary.
      [rawName('e\u0003com'), false, false],
    ] as const) {
      for (const record of [rawRecord(owner, type, 300, data), signatureOf(owner, type)]) {
        assert.equal(keepsAuthority(record), inZone, String(owner));
        assert.equal(keepsAuthority(record, [ALIAS]), behindAlias, String(owner));
      }
    }
  });
}

test('RFC 4035 §3.1.3, RFC 5155 §3: NSEC records are relevant at any name, NSEC3 records at a hash in a zone that contains the name', () => {
  const owner = rawName('other', 'example');
  assert.ok(keepsAuthority(rawRecord(owner, TYPE.NSEC, 300, new Uint8Array(4))));
  assert.ok(keepsAuthority(signatureOf(owner, TYPE.NSEC)));
  const hash = '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom';
  for (const [labels, belongs] of [
    [[hash, 'example', 'com'], true],
    [[hash, 'com'], true],
    [[hash], true],
    [[hash, 'example', 'net'], false],
    [[hash, 'www'], false],
    [[], false],
  ] as const) {
    assert.equal(keepsAuthority(rawRecord(rawName(...labels), TYPE.NSEC3, 300, new Uint8Array(30))), belongs);
    assert.equal(keepsAuthority(signatureOf(rawName(...labels), TYPE.NSEC3)), belongs);
  }
});

test('RFC 2308 §2, RFC 4035 §3.1: other types and classes are irrelevant in the authority section', () => {
  for (const type of [TYPE.A, TYPE.CNAME, TYPE.MX, TYPE.HTTPS, 250, 65_400]) {
    const data = type === TYPE.CNAME ? rawName() : ADDRESS;
    assert.ok(!keepsAuthority(rawRecord(QNAME, type, 300, data)));
    assert.ok(!keepsAuthority(signatureOf(QNAME, type)));
  }
  assert.ok(!keepsAuthority(rawRecord(rawName('com'), TYPE.NS, 300, rawName('ns'), 3)));
  assert.ok(!keepsAuthority(rawRecord(rawName('com'), TYPE.RRSIG, 300, Uint8Array.of(0))));
});

test('RFC 9460 §2.5.2, §4.2: addresses of the owner are relevant if a service record’s target is the root, also behind aliases', () => {
  const service = (target: Uint8Array, owner = QNAME): Uint8Array =>
    rawRecord(owner, TYPE.HTTPS, 300, concat(rawU16(1), target));
  const cdn = rawName('cdn', 'example', 'net');
  const additionals = (owner: Uint8Array): Uint8Array[] => [rawRecord(owner, TYPE.A, 300, ADDRESS)];
  const keeps = (answers: readonly Uint8Array[], owner: Uint8Array): boolean =>
    kept({ qtype: TYPE.HTTPS, answers, additionals: additionals(owner) })[1] === 1;
  assert.ok(keeps([service(rawName())], QNAME));
  assert.ok(keeps([ALIAS, service(rawName(), cdn)], cdn));
  assert.ok(keeps([service(cdn)], cdn));
  assert.ok(!keeps([service(cdn)], QNAME));
  assert.ok(!keeps([service(cdn)], rawName('example', 'net')));
});

test('RFC 4035 §3.1.1: RRSIG records of additional addresses are relevant', () => {
  const mail = rawName('mail', 'example');
  const answers = [rawRecord(QNAME, TYPE.MX, 300, concat(rawU16(10), mail))];
  const address = rawRecord(mail, TYPE.A, 300, ADDRESS);
  assert.deepEqual(kept({ qtype: TYPE.MX, answers, additionals: [address, signatureOf(mail, TYPE.A)] }), [0, 2]);
  assert.deepEqual(kept({ qtype: TYPE.MX, answers, additionals: [address, signatureOf(mail, TYPE.MX)] }), [0, 1]);
});
