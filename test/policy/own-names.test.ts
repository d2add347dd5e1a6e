import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OwnName } from '../../src/model/names/own-name.ts';
import { OwnNames } from '../../src/policy/own-names.ts';
import { Policy } from '../../src/policy/policy.ts';
import { ask, decodeReply } from '../fixtures/dns/messages.ts';
import { answerBytes } from '../fixtures/dns/replies.ts';
import { PLAIN } from '../fixtures/policies.ts';

const TTL_SECONDS = 60;

const HOSTS: readonly OwnName[] = [
  { name: 'nas.lan', address: '192.168.1.5' },
  { name: 'files.lan', address: '192.168.1.5' },
  { name: 'nas.lan', address: 'fd00::5' },
  { name: 'nas.lan', address: '192.168.1.6' },
  { name: 'nas.lan', address: '192.168.1.5' },
  { name: 'printer', address: '192.168.1.7' },
  { name: 'replaced.lan', address: '192.168.1.8' },
];
const CONFIGURED: readonly OwnName[] = [
  { name: 'replaced.lan', address: '192.168.1.9' },
  { name: 'www.lan', target: 'www.example.com' },
];

const policy = new Policy({ ...PLAIN, ownNames: new OwnNames(HOSTS, CONFIGURED) });

/** RCODE, records, and whether there is an SOA record. Undefined if the query would be forwarded. */
function lookup(name: string, type = 'A'): readonly [string, readonly string[], boolean] | undefined {
  const query = ask({ name, type });
  const answer = policy.answer(query);
  if (answer === undefined) return undefined;
  assert.ok(!('target' in answer));
  const { rcode, answers = [], authorities = [] } = decodeReply(answerBytes(query, answer, 0));
  for (const record of [...answers, ...authorities]) assert.ok('ttl' in record);
  return [
    rcode,
    answers.map((record) => {
      assert.equal(record.name, name);
      assert.ok('ttl' in record && record.ttl === TTL_SECONDS);
      return `${record.type} ${'data' in record && typeof record.data === 'string' ? record.data : ''}`;
    }),
    authorities.length > 0,
  ];
}

test('a name has all its addresses, each once, in any letter case', () => {
  assert.deepEqual(lookup('nas.lan'), ['NOERROR', ['A 192.168.1.5', 'A 192.168.1.6'], false]);
  assert.deepEqual(lookup('NAS.Lan', 'AAAA'), ['NOERROR', ['AAAA fd00::5'], false]);
  assert.deepEqual(lookup('printer'), ['NOERROR', ['A 192.168.1.7'], false]);
  assert.deepEqual(lookup('nas.lan', 'ANY')?.[1], ['A 192.168.1.5', 'A 192.168.1.6', 'AAAA fd00::5']);
});

test('other types of a known name have no data', () => {
  for (const type of ['TXT', 'MX', 'SOA', 'DS', 'UNKNOWN_65']) {
    assert.deepEqual(lookup('nas.lan', type), ['NOERROR', [], true], type);
  }
  assert.deepEqual(lookup('printer', 'AAAA'), ['NOERROR', [], true]);
});

test('the reverse name of an address has the first of its names', () => {
  assert.deepEqual(lookup('5.1.168.192.in-addr.arpa', 'PTR'), ['NOERROR', ['PTR nas.lan'], false]);
  const nibbles = `5.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`;
  assert.deepEqual(lookup(nibbles, 'PTR'), ['NOERROR', ['PTR nas.lan'], false]);
  assert.deepEqual(lookup('99.1.168.192.in-addr.arpa', 'PTR')?.[0], 'NXDOMAIN');
});

test('a name of the configuration replaces that of a hosts file', () => {
  assert.deepEqual(lookup('replaced.lan'), ['NOERROR', ['A 192.168.1.9'], false]);
});

test('an alias has its CNAME record, and leads to its target for other types', () => {
  assert.deepEqual(lookup('www.lan', 'CNAME'), ['NOERROR', ['CNAME www.example.com'], false]);
  const alias = policy.answer(ask({ name: 'www.lan', type: 'AAAA' }));
  assert.ok(alias !== undefined && 'target' in alias);
  assert.deepEqual(Buffer.from(alias.target).toString('latin1'), '\u0003www\u0007example\u0003com\0');
});

test('RFC 8020 §2: a local name above an own name exists, without data; others still do not', () => {
  assert.deepEqual(lookup('lan'), ['NOERROR', [], true]);
  assert.equal(lookup('x.lan')?.[0], 'NXDOMAIN');
  assert.equal(lookup('x.nas.lan')?.[0], 'NXDOMAIN');
  assert.equal(lookup('example.com'), undefined);
  assert.equal(lookup('arpa', 'NS'), undefined);
});
