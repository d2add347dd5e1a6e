import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EDE } from '../../src/failures/failures.ts';
import type { Answer } from '../../src/message/answer/answer.ts';
import { HEADER_BYTES, QUESTION_FIXED_BYTES } from '../../src/message/wire/header.ts';
import { lowerCase, octetString } from '../../src/message/wire/name.ts';
import { TYPE } from '../../src/message/wire/tables.ts';
import type { Query } from '../../src/model/query.ts';
import { specialUseAnswer as answerOf } from '../../src/policy/special-use-names.ts';
import { LOOPBACK_POINTERS, SPECIAL_USE_ZONES } from '../../src/policy/special-use-zones.ts';
import {
  ask,
  concat,
  decodeReply,
  rawMessage,
  rawName,
  rawNameOfLength,
  rawQuestion,
  receive,
} from '../fixtures/dns/messages.ts';
import { answerBytes } from '../fixtures/dns/replies.ts';

const DENIED = { rcode: 'NXDOMAIN', records: [], soa: true };
const EMPTY = { rcode: 'NOERROR', records: [], soa: true };
const TTL_SECONDS = 10_800;

/** Types that are forwarded for a top-level domain, unless a standard requires a local answer. */
const DELEGATION_TYPES = ['NS', 'SOA', 'DS', 'DNSKEY'] as const;

function specialUseAnswer(query: Query, deniesUndelegated = true): Answer | undefined {
  const nameEnd = query.scan.questionEnd - QUESTION_FIXED_BYTES;
  const qname = octetString(query.wire.subarray(HEADER_BYTES, nameEnd).map(lowerCase));
  return answerOf(query, qname, query.scan.qtype, deniesUndelegated);
}

type Outcome = { readonly rcode: string; readonly records: readonly string[]; readonly soa: boolean };

/** The reply for a name in wire form. Undefined if the query would be forwarded. */
function resolve(name: Uint8Array, type: number): Outcome | undefined {
  const query = receive(rawMessage({ flags: 0x0100, questions: [rawQuestion(name, type)] }));
  const answer = specialUseAnswer(query);
  if (answer === undefined) return undefined;
  const { rcode, answers = [], authorities = [], additionals } = decodeReply(answerBytes(query, answer, 0));
  assert.deepEqual(additionals, []);
  for (const record of [...answers, ...authorities]) assert.ok('ttl' in record && record.ttl === TTL_SECONDS);
  const soas = authorities.filter((record) => record.type === 'SOA');
  assert.equal(soas.length, authorities.length);
  for (const soa of soas) assert.equal(soa.data.minimum, TTL_SECONDS);
  return {
    rcode,
    records: answers.map((record) => `${record.type} ${'data' in record ? JSON.stringify(record.data) : ''}`),
    soa: soas.length === 1,
  };
}

function wireOf(name: string): Uint8Array {
  return rawName(...name.split('.'));
}

function lookup(name: string, type: keyof typeof TYPE = 'A'): Outcome | undefined {
  return resolve(wireOf(name), TYPE[type]);
}

/** A spelling in which every other letter is a capital. */
function mixCase(name: string): string {
  return name.replaceAll(/(.)(.?)/g, (_, first: string, second: string) => first.toUpperCase() + second);
}

/** Names that contain the zone's name but are not in it. */
function lookAlikes(zone: string): readonly string[] {
  return [`x.not${zone}`, `x.${zone}x`, `${zone}.example`, `x.${zone}.example`];
}

/** The EDE code of the answer. Undefined if it has none, or if the query is forwarded. */
function extendedErrorOf(name: string, type: keyof typeof TYPE = 'A'): number | undefined {
  const query = receive(rawMessage({ flags: 0x0100, questions: [rawQuestion(wireOf(name), TYPE[type])] }));
  return specialUseAnswer(query)?.extendedError?.code;
}

const EXPECTED = {
  nxdomain: { apex: DENIED, below: DENIED },
  undelegated: { apex: DENIED, below: DENIED },
  canary: { apex: DENIED, below: DENIED },
  nodata: { apex: EMPTY, below: EMPTY },
  empty: { apex: EMPTY, below: DENIED },
} as const;

test('every zone is answered locally at its apex and below, in any letter case and for any type, with its SOA record (RFC 2308 §3)', () => {
  for (const kind of ['nxdomain', 'undelegated', 'canary', 'nodata', 'empty'] as const) {
    for (const zone of SPECIAL_USE_ZONES[kind]) {
      const { apex, below } = EXPECTED[kind];
      for (const type of ['A', 'TXT', 'SVCB', 'ANY', 'MX'] as const) {
        assert.deepEqual(lookup(zone, type), apex, zone);
        assert.deepEqual(lookup(mixCase(zone), type), apex, mixCase(zone));
        assert.deepEqual(lookup(`x.${zone}`, type), below, `x.${zone}`);
        assert.deepEqual(lookup(mixCase(`b.a.${zone}`), type), below, mixCase(`b.a.${zone}`));
      }
    }
  }
});

test('a query with EDNS is answered, too, and its other records do not appear in the answer', () => {
  const query = ask({
    name: 'a.onion',
    edns: { dnssecOk: true, options: [{ code: 10, data: Buffer.from('12345678') }] },
  });
  const answer = specialUseAnswer(query);
  assert.ok(answer);
  const { rcode, additionals } = decodeReply(answerBytes(query, answer, 0));
  assert.deepEqual([rcode, additionals?.map(({ type }) => type)], ['NXDOMAIN', ['OPT']]);
});

test('names that only look like those of a zone are forwarded', () => {
  for (const zone of Object.values(SPECIAL_USE_ZONES).flat()) {
    for (const name of lookAlikes(zone)) {
      assert.equal(lookup(name), undefined, name);
    }
  }
  for (const name of ['in-addr.arpa', 'ip6.arpa', 'application-dns.net', 'example.com', 'ipv4only.arpa']) {
    assert.equal(lookup(name), undefined, name);
  }
  assert.equal(resolve(rawName(), TYPE.NS), undefined);
});

test('the SOA record is that of the zone that denies the name', () => {
  for (const [name, zone] of [
    ['a.b.onion', 'onion'],
    ['1.1.168.192.in-addr.arpa', '168.192.in-addr.arpa'],
    ['printer.local', 'local'],
  ] as const) {
    const query = receive(rawMessage({ flags: 0x0100, questions: [rawQuestion(wireOf(name), TYPE.A)] }));
    const answer = specialUseAnswer(query);
    assert.ok(answer);
    assert.equal(answer.negativeTtl, TTL_SECONDS);
    assert.equal(decodeReply(answerBytes(query, answer, 0)).authorities?.[0]?.name, zone);
  }
});

test('private and shared address space is answered locally up to its boundaries (RFC 1918, RFC 6303, RFC 7793)', () => {
  for (const inside of ['10', '16.172', '31.172', '168.192', '64.100', '127.100', '254.169', '0', '127']) {
    assert.deepEqual(lookup(`9.9.${inside}.in-addr.arpa`, 'PTR'), DENIED, inside);
  }
  for (const outside of [
    '110',
    '1',
    '15.172',
    '32.172',
    '172',
    '169.192',
    '192',
    '63.100',
    '128.100',
    '100',
    '253.169',
    '126',
    '128',
  ]) {
    assert.equal(lookup(`9.9.${outside}.in-addr.arpa`, 'PTR'), undefined, outside);
  }
  for (const inside of ['d.f', '8.e.f', '9.e.f', 'a.e.f', 'b.e.f', '8.b.d.0.1.0.0.2']) {
    assert.deepEqual(lookup(`9.9.${inside}.ip6.arpa`, 'PTR'), DENIED, inside);
  }
  for (const outside of ['c.f', 'e.f', '7.e.f', 'c.e.f', '9.b.d.0.1.0.0.2', '1.0.0.2', '2']) {
    assert.equal(lookup(`0.0.${outside}.ip6.arpa`, 'PTR'), undefined, outside);
  }
  assert.equal(lookup(`2.${'0.'.repeat(31)}ip6.arpa`, 'PTR'), undefined);
  assert.equal(lookup(`0.${'0.'.repeat(30)}ip6.arpa`, 'PTR'), undefined);
});

test('localhost and names below it have the loopback addresses and nothing else (RFC 6761 §6.3)', () => {
  for (const name of ['localhost', 'LOCALHOST', 'www.localhost', 'A.b.LocalHost']) {
    assert.deepEqual(lookup(name, 'A'), { rcode: 'NOERROR', records: ['A "127.0.0.1"'], soa: false });
    assert.deepEqual(lookup(name, 'AAAA'), { rcode: 'NOERROR', records: ['AAAA "::1"'], soa: false });
    for (const type of ['TXT', 'MX', 'HTTPS', 'SOA', 'ANY'] as const) assert.deepEqual(lookup(name, type), EMPTY);
  }
});

test('the owner of a local record is QNAME, up to the longest name', () => {
  const name = 'a.b.localhost';
  const query = receive(rawMessage({ flags: 0x0100, questions: [rawQuestion(wireOf(name))] }));
  const answer = specialUseAnswer(query);
  assert.ok(answer);
  assert.equal(decodeReply(answerBytes(query, answer, 0)).answers?.[0]?.name, name);
  const longest = concat(rawNameOfLength(245).subarray(0, -1), wireOf('localhost'));
  assert.equal(longest.length, 255);
  assert.deepEqual(resolve(longest, TYPE.A)?.records, ['A "127.0.0.1"']);
});

test('the loopback addresses have PTR records for localhost; their ancestors exist without records (RFC 8020 §2)', () => {
  assert.equal(LOOPBACK_POINTERS.length, 2);
  for (const name of LOOPBACK_POINTERS) {
    assert.deepEqual(lookup(mixCase(name), 'PTR'), { rcode: 'NOERROR', records: ['PTR "localhost"'], soa: false });
    assert.deepEqual(lookup(name, 'A'), EMPTY);
  }
  for (const name of ['127.in-addr.arpa', '0.127.in-addr.arpa', '0.0.127.in-addr.arpa']) {
    assert.deepEqual(lookup(name, 'PTR'), EMPTY, name);
  }
  for (const name of ['2.0.0.127.in-addr.arpa', '1.0.127.in-addr.arpa', 'x.1.0.0.127.in-addr.arpa']) {
    assert.deepEqual(lookup(name, 'PTR'), DENIED, name);
  }
});

test('the SOA record of an empty zone can be queried (RFC 6303 §3)', () => {
  const found = lookup('10.in-addr.arpa', 'SOA');
  assert.deepEqual([found?.rcode, found?.records.length, found?.soa], ['NOERROR', 1, false]);
  assert.match(found?.records[0] ?? '', /^SOA .*"mname":"10.in-addr.arpa","rname":"nobody.invalid"/);
  assert.deepEqual(lookup('x.10.in-addr.arpa', 'SOA'), DENIED);
});

test('RFC 6303 §7, RFC 8375 §4: a DS query is forwarded if the zone’s parent is in the public DNS', () => {
  for (const zone of Object.values(SPECIAL_USE_ZONES).flat()) {
    if (!zone.includes('.')) continue;
    assert.equal(lookup(zone, 'DS'), undefined, zone);
    assert.equal(lookup(mixCase(zone), 'DS'), undefined, zone);
    for (const type of ['NS', 'DNSKEY', 'SOA'] as const) assert.ok(lookup(zone, type), `${zone} ${type}`);
    assert.ok(lookup(`x.${zone}`, 'DS'), zone);
  }
  assert.deepEqual(lookup('x.home.arpa', 'DS'), DENIED);
  assert.deepEqual(lookup('1.168.192.in-addr.arpa', 'DS'), DENIED);
});

test('RFC 6761, RFC 6762, RFC 7686: no query for a reserved top-level domain is forwarded, not even for DS', () => {
  for (const name of ['onion', 'test', 'invalid', 'local']) {
    for (const type of DELEGATION_TYPES) assert.deepEqual(lookup(name, type), DENIED, `${name} ${type}`);
  }
  for (const type of DELEGATION_TYPES) assert.deepEqual(lookup('localhost', type), EMPTY, type);
});

test('undelegated top-level domains are denied; queries about their delegation are forwarded', () => {
  for (const name of SPECIAL_USE_ZONES.undelegated) {
    for (const type of DELEGATION_TYPES) {
      assert.equal(lookup(name, type), undefined, `${name} ${type}`);
      assert.deepEqual(lookup(`nas.${name}`, type), DENIED, `nas.${name} ${type}`);
    }
    for (const type of ['A', 'AAAA', 'HTTPS', 'PTR'] as const) assert.deepEqual(lookup(`a.b.${name}`, type), DENIED);
  }
});

test('no delegated top-level domain is treated as local', () => {
  for (const name of ['nas.host', 'example.name', 'example.network', 'example.zone', 'example.cloud']) {
    assert.equal(lookup(name), undefined, name);
  }
});

test('single-label names are denied, delegated or not; queries about their delegation are forwarded', () => {
  for (const name of ['printer', 'com', 'AI', 'notonion', 'a'.repeat(63)]) {
    for (const type of ['A', 'AAAA', 'MX', 'TXT', 'HTTPS', 'ANY', 'RRSIG'] as const) {
      assert.deepEqual(lookup(name, type), DENIED, `${name} ${type}`);
    }
    for (const type of DELEGATION_TYPES) assert.equal(lookup(name, type), undefined, `${name} ${type}`);
  }
  for (const type of Object.values(TYPE)) assert.equal(resolve(rawName(), type), undefined, `the root, type ${type}`);
});

test('RFC 8914 §4.16: a denial by our own policy has EDE 15; one that a standard requires has none', () => {
  for (const name of ['nas.lan', 'lan', 'printer', 'db.internal', 'x.alt', 'use-application-dns.net']) {
    assert.equal(extendedErrorOf(name), EDE.blocked, name);
  }
  for (const name of ['x.onion', 'x.test', 'printer.local', '1.168.192.in-addr.arpa', 'x.home.arpa', 'localhost']) {
    assert.equal(extendedErrorOf(name, 'TXT'), undefined, name);
  }
});

test('a dot within a label is not a boundary, and any octets below a zone are accepted', () => {
  for (const labels of [
    ['x', 'foo.onion'],
    ['x', '\u0005onion'],
    ['x', 'onion\u0000'],
    ['10.in-addr', 'arpa'],
    ['x', 'local\u0000host'],
  ]) {
    assert.equal(resolve(rawName(...labels), TYPE.A), undefined, JSON.stringify(labels));
  }
  assert.deepEqual(resolve(rawName('\u0000.\u00ff\u0005onion', 'onion'), TYPE.A), DENIED);
  // [ and { differ only in the case bit, but are not letters.
  assert.equal(resolve(rawName('x', 'loc\u0041\u000c'), TYPE.A), undefined);
});

test('the longest name in a zone is denied like any other', () => {
  const longest = concat(rawNameOfLength(249).subarray(0, -1), rawName('onion'));
  assert.equal(longest.length, 255);
  assert.deepEqual(resolve(longest, TYPE.A), DENIED);
});

test('--undelegated forward: only the names that a standard makes local are denied', () => {
  const isForwarded = (name: string): boolean => {
    const query = receive(rawMessage({ flags: 0x0100, questions: [rawQuestion(wireOf(name), TYPE.A)] }));
    return specialUseAnswer(query, false) === undefined;
  };
  const { undelegated, ...others } = SPECIAL_USE_ZONES;
  for (const zone of [...undelegated.flatMap((name) => [name, `x.${name}`]), 'printer', 'com']) {
    assert.ok(isForwarded(zone), zone);
  }
  for (const zone of Object.values(others).flat()) assert.ok(!isForwarded(zone), zone);
});
