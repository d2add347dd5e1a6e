import assert from 'node:assert/strict';
import { test } from 'node:test';
import { octetString } from '../../src/message/wire/name.ts';
import { TYPE } from '../../src/message/wire/tables.ts';
import type { DesignatedResolver } from '../../src/policy/designated-resolvers.ts';
import { Policy, type PolicyInit } from '../../src/policy/policy.ts';
import { ask, decodeReply } from '../fixtures/dns/messages.ts';
import { answerBytes } from '../fixtures/dns/replies.ts';
import { PLAIN } from '../fixtures/policies.ts';

const NAME = '_dns.resolver.arpa';
const SVCB = `UNKNOWN_${TYPE.SVCB}`;

const BOTH: DesignatedResolver = {
  name: 'dns.example.net',
  address: '192.168.1.2',
  dotPort: 8853,
  doh: { port: 8443, path: '/dns-query' },
};
const AT_DEFAULT_PORTS: DesignatedResolver = {
  name: 'dns.example.net',
  address: 'fd00::2',
  dotPort: 853,
  doh: { port: 443, path: '/q' },
};

function create(resolver: DesignatedResolver | undefined, init: Partial<PolicyInit> = {}): Policy {
  return new Policy({
    ...PLAIN,
    designates: (address) => (address === resolver?.address ? resolver : undefined),
    ...init,
  });
}

interface Outcome {
  readonly rcode: string;
  /** The RDATA of the answers in hexadecimal. */
  readonly answers: readonly string[];
  readonly ttls: readonly (number | undefined)[];
  /** MINIMUM of the SOA record. */
  readonly negativeTtl: number | undefined;
  readonly additionals: readonly unknown[];
}

function lookUp(policy: Policy, server: string | undefined, name = NAME, type = SVCB): Outcome {
  const query = { ...ask({ name, type }), server };
  const answer = policy.answer(query);
  assert.ok(answer !== undefined && !('target' in answer), name);
  const reply = decodeReply(answerBytes(query, answer, 0));
  const { rcode, answers = [], authorities = [], additionals = [] } = reply;
  const [soa] = authorities;
  return {
    rcode,
    answers: answers.map((record) => ('data' in record ? Buffer.from(record.data as Buffer).toString('hex') : '')),
    ttls: answers.map((record) => ('ttl' in record ? record.ttl : undefined)),
    negativeTtl: soa?.type === 'SOA' ? soa.data.minimum : undefined,
    additionals: additionals.map((record) => [record.name, record.type, 'data' in record ? record.data : '']),
  };
}

function hex(...parts: readonly (string | readonly number[])[]): string {
  return parts.map((part) => Buffer.from(part as string).toString('hex')).join('');
}

/** `dns.example.net` in wire form. */
const TARGET = '\x03dns\x07example\x03net\0';

test('SVCB records name DoT, then DoH, at the address that was asked (RFC 9460 §2.2, RFC 9461 §5.1, RFC 9462 §4)', () => {
  const { rcode, answers, ttls, additionals } = lookUp(create(BOTH), BOTH.address);
  assert.equal(rcode, 'NOERROR');
  const hint = hex([0, 4, 0, 4, 192, 168, 1, 2]);
  const dot = [hex([0, 1]), hex(TARGET), hex([0, 1, 0, 4], '\x03dot'), hex([0, 3, 0, 2, 0x22, 0x95]), hint];
  const protocols = hex([0, 1, 0, 12], '\x02h2', '\x08http/1.1');
  const template = hex([0, 7, 0, 16], '/dns-query{?dns}');
  const doh = [hex([0, 2]), hex(TARGET), protocols, hex([0, 3, 0, 2, 0x20, 0xfb]), hint, template];
  assert.deepEqual(answers, [dot.join(''), doh.join('')]);
  assert.deepEqual(ttls, [300, 300]);
  assert.deepEqual(additionals, [[BOTH.name, 'A', BOTH.address]]);
});

test('a record without a port means the default port of its protocol (RFC 9461 §4.2)', () => {
  const { answers, additionals } = lookUp(create(AT_DEFAULT_PORTS), AT_DEFAULT_PORTS.address);
  const hint = hex([0, 6, 0, 16, 0xfd, ...Array<number>(14).fill(0), 2]);
  const [dot = '', doh = ''] = answers;
  assert.equal(dot, [hex([0, 1]), hex(TARGET), hex([0, 1, 0, 4], '\x03dot'), hint].join(''));
  assert.equal(doh.slice(-hint.length - 2 * 12), [hint, hex([0, 7, 0, 8], '/q{?dns}')].join(''));
  assert.deepEqual(additionals, [[AT_DEFAULT_PORTS.name, 'AAAA', AT_DEFAULT_PORTS.address]]);
});

test('with one protocol there is one record, of priority 1', () => {
  for (const [missing, alpn] of [
    [{ doh: undefined }, 'dot'],
    [{ dotPort: undefined }, 'h2'],
  ] as const) {
    const { answers } = lookUp(create({ ...BOTH, ...missing }), BOTH.address);
    assert.equal(answers.length, 1);
    const octets = octetString(Buffer.from(answers[0] ?? '', 'hex'));
    assert.ok(octets.startsWith(`\0\x01${TARGET}`) && octets.includes(alpn));
  }
});

test('the letter case of the question does not matter', () => {
  assert.equal(lookUp(create(BOTH), BOTH.address, '_DNS.Resolver.ARPA').answers.length, 2);
});

test('at an address without an encrypted resolver there is no data, which expires as soon as the records would', () => {
  const none = { rcode: 'NOERROR', answers: [], ttls: [], negativeTtl: 300, additionals: [] };
  for (const server of ['127.0.0.1', undefined]) assert.deepEqual(lookUp(create(BOTH), server), none);
  assert.deepEqual(lookUp(create(undefined), '127.0.0.1'), none);
  assert.deepEqual(lookUp(new Policy(PLAIN), '127.0.0.1'), none);
});

test('RFC 9462 §6.4: other types, and other names of resolver.arpa, have no data', () => {
  for (const type of ['A', 'AAAA', 'TXT', 'SOA', 'NS', 'UNKNOWN_65', 'ANY']) {
    const { rcode, answers } = lookUp(create(BOTH), BOTH.address, NAME, type);
    assert.deepEqual([rcode, answers], ['NOERROR', []], type);
  }
  for (const name of ['resolver.arpa', 'dns.resolver.arpa', `x.${NAME}`, '_853._dns.resolver.arpa']) {
    const { rcode, answers } = lookUp(create(BOTH), BOTH.address, name);
    assert.deepEqual([rcode, answers], ['NOERROR', []], name);
  }
});

test('a route for resolver.arpa takes precedence', () => {
  const policy = create(BOTH, { covers: () => true });
  assert.equal(policy.answer({ ...ask({ name: NAME, type: SVCB }), server: BOTH.address }), undefined);
});
