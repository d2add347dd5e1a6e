import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE } from '../../src/message/wire/tables.ts';
import { OwnNames } from '../../src/policy/own-names.ts';
import { Policy } from '../../src/policy/policy.ts';
import {
  buildResponse,
  decodeReply,
  rawMessage,
  rawName,
  rawPointer,
  rawQuestion,
  rawRecord,
  soaRecord,
} from '../fixtures/dns/messages.ts';
import { PLAIN } from '../fixtures/policies.ts';
import { createResolver, extendedErrorOf, type Resolver, responses, UpstreamDouble } from './harness.ts';

/** A resolver with three own aliases, and an upstream whose records are of type `type`. */
function create(answer?: (name: string, type: string) => Uint8Array): Resolver & { readonly upstream: UpstreamDouble } {
  const upstream = new UpstreamDouble(
    answer &&
      (async (query) => {
        const { name = '', type = '' } = decodeReply(query).questions?.[0] ?? {};
        return answer(name, type);
      }),
  );
  const ownNames = new OwnNames(
    [{ name: 'nas.lan', address: '192.168.1.5' }],
    [
      { name: 'www.lan', target: 'www.example.com' },
      { name: 'start.lan', target: 'www.lan' },
      { name: 'files.lan', target: 'nas.lan' },
      { name: 'gone.lan', target: 'nothing.invalid' },
    ],
  );
  return { ...createResolver(upstream, { policy: new Policy({ ...PLAIN, ownNames }) }), upstream };
}

/** RCODE and records of a reply, each as one line. */
function read(reply: Uint8Array): readonly [string, ...string[]] {
  const { rcode, answers = [], authorities = [] } = decodeReply(reply);
  const records = [...answers, ...authorities].map((record) => {
    const data = 'data' in record && typeof record.data === 'string' ? record.data : '';
    return `${record.name} ${record.type} ${data}`.trim();
  });
  return [rcode, ...records];
}

test('an alias is answered with its CNAME record and the records of its target, from upstream and then from the cache', async () => {
  const { ask, upstream, counters } = create();
  const expected = ['NOERROR', 'WWW.Lan CNAME www.example.com', 'www.example.com A 192.0.2.1'];
  const query = { id: 0x4321, name: 'WWW.Lan', edns: { dnssecOk: true } };
  const first = await ask(query);
  assert.deepEqual(read(first), expected);
  const second = ask(query);
  assert.ok(second instanceof Uint8Array);
  assert.deepEqual(read(second), expected);
  for (const reply of [first, second]) {
    const { id, additionals, flag_ad: isAuthentic } = decodeReply(reply);
    assert.deepEqual([id, additionals?.length, isAuthentic], [0x4321, 1, false]);
  }
  assert.deepEqual(upstream.queries.length, 1);
  assert.equal(decodeReply(upstream.queries[0]!).questions?.[0]?.name, 'www.example.com');
  assert.deepEqual(responses(counters), { 'NOERROR upstream': 1, 'NOERROR cache': 1 });
});

test('an alias may lead to another alias, to an own address, or to a name that is answered locally', async () => {
  const { ask, upstream } = create();
  assert.deepEqual(read(await ask({ name: 'start.lan' })), [
    'NOERROR',
    'start.lan CNAME www.lan',
    'www.lan CNAME www.example.com',
    'www.example.com A 192.0.2.1',
  ]);
  assert.deepEqual(read(await ask({ name: 'files.lan' })), [
    'NOERROR',
    'files.lan CNAME nas.lan',
    'nas.lan A 192.168.1.5',
  ]);
  assert.deepEqual(read(await ask({ name: 'gone.lan' })).slice(0, 2), ['NXDOMAIN', 'gone.lan CNAME nothing.invalid']);
  assert.equal(upstream.queries.length, 1);
});

test('names in any part of the target’s answer are written anew', async () => {
  const { ask } = create((name) =>
    buildResponse({
      name,
      type: 'MX',
      answers: [
        { type: 'CNAME', name, ttl: 60, data: 'mail.example.com' },
        { type: 'MX', name: 'mail.example.com', ttl: 60, data: { preference: 1, exchange: 'mx.example.com' } },
      ],
    }),
  );
  const { answers = [] } = decodeReply(await ask({ name: 'www.lan', type: 'MX' }));
  assert.deepEqual(
    answers.map((record) => [record.name, 'data' in record ? record.data : undefined]),
    [
      ['www.lan', 'www.example.com'],
      ['www.example.com', 'mail.example.com'],
      ['mail.example.com', { preference: 1, exchange: 'mx.example.com' }],
    ],
  );
});

test('a negative answer and a failure of the target are the alias’s', async () => {
  const negative = create((name) => buildResponse({ name, flags: 3, authorities: [soaRecord('example.com', 60, 60)] }));
  assert.deepEqual(read(await negative.ask({ name: 'www.lan' })), [
    'NXDOMAIN',
    'www.lan CNAME www.example.com',
    'example.com SOA',
  ]);
  const failing = create(() => new Uint8Array(20));
  const reply = await failing.ask({ name: 'www.lan', edns: {} });
  assert.equal(decodeReply(reply).rcode, 'SERVFAIL');
  assert.equal(extendedErrorOf(reply)?.code, 24);
});

test('private addresses of the target are removed, as for any public name', async () => {
  const { ask } = create((name) =>
    buildResponse({ name, answers: [{ type: 'A', name, ttl: 60, data: '192.168.1.1' }] }),
  );
  const reply = await ask({ name: 'www.lan', edns: {} });
  assert.deepEqual(read(reply).slice(0, 2), ['NOERROR', 'www.lan CNAME www.example.com']);
  assert.equal(extendedErrorOf(reply)?.code, 15);
});

test('a reply that does not fit a datagram is truncated, whether the target’s fits or not', async () => {
  for (const [count, fits] of [
    [27, true],
    // Here the target's reply fits, but not with the CNAME record in front of it.
    [29, false],
    [60, false],
  ] as const) {
    const record = rawRecord(rawPointer(12), TYPE.A, 60, Uint8Array.of(192, 0, 2, 1));
    const { ask } = create(() =>
      rawMessage({
        flags: 0x8180,
        questions: [rawQuestion(rawName('www', 'example', 'com'))],
        answers: Array.from({ length: count }, (_, i) => record.with(record.length - 1, i)),
      }),
    );
    const udp = decodeReply(await ask({ name: 'www.lan', edns: { udpPayloadBytes: 512 } }));
    assert.equal(udp.flag_tc, !fits, String(count));
    assert.deepEqual([udp.answers?.length, udp.additionals?.length], [fits ? count + 1 : 0, 1]);
    const tcp = decodeReply(await ask({ name: 'www.lan', edns: {} }, 'tcp'));
    assert.deepEqual([tcp.flag_tc, tcp.answers?.length], [false, count + 1]);
  }
});
