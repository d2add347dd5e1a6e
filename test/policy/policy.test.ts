import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EDE } from '../../src/failures/failures.ts';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import { octetString } from '../../src/message/wire/name.ts';
import { TYPE } from '../../src/message/wire/tables.ts';
import type { BlockReason } from '../../src/metrics/metrics.ts';
import { NameSet, RULE, type Rule } from '../../src/policy/blocking/name-set.ts';
import { OwnNames } from '../../src/policy/own-names.ts';
import { Policy, type PolicyInit } from '../../src/policy/policy.ts';
import {
  addressRecord,
  ask,
  buildResponse,
  decodeReply,
  rawMessage,
  rawName,
  rawPointer,
  rawQuestion,
  rawRecord,
} from '../fixtures/dns/messages.ts';
import { answerBytes } from '../fixtures/dns/replies.ts';
import { PLAIN } from '../fixtures/policies.ts';

function listsOf(...rules: readonly (readonly [string, Rule])[]): NameSet {
  const names = new NameSet(Uint8Array.from([8, 7, 6, 5, 4, 3, 2, 1]), rules.length);
  for (const [name, rule] of rules) names.add(rawName(...name.split('.')), 0, rule);
  return names;
}

const LISTS = listsOf(
  ['ads.example', RULE.blockBelow],
  ['both.lan', RULE.block],
  ['good.example', RULE.allow],
  ['own.example', RULE.block],
);

const OWN = new OwnNames(
  [{ name: 'own.example', address: '192.168.1.5' }],
  [{ name: 'alias.lan', target: 'a.example' }],
);

/** A policy, and what it has counted. */
function create(init: Partial<PolicyInit> = {}): { readonly policy: Policy; readonly counted: readonly BlockReason[] } {
  const counted: BlockReason[] = [];
  const metrics = { blocked: (reason: BlockReason) => counted.push(reason) };
  return { policy: new Policy({ ...PLAIN, lists: LISTS, ownNames: OWN, metrics, ...init }), counted };
}

/** RCODE, records and EDE code of a local answer. */
function lookup(policy: Policy, name: string, type = 'A'): unknown {
  const query = ask({ name, type, edns: {} });
  const answer = policy.answer(query);
  if (answer === undefined) return undefined;
  assert.ok(!('target' in answer));
  const { rcode, answers = [], authorities = [] } = decodeReply(answerBytes(query, answer, 0));
  const records = [...answers, ...authorities].map((record) =>
    record.type === 'SOA'
      ? 'SOA'
      : `${record.type} ${'data' in record && typeof record.data === 'string' ? record.data : ''}`,
  );
  return [rcode, records, answer.extendedError?.code];
}

test('a blocked name does not exist, for any type, and the answer can be cached', () => {
  const { policy, counted } = create();
  for (const type of ['A', 'AAAA', 'TXT', 'UNKNOWN_65', 'ANY']) {
    assert.deepEqual(lookup(policy, 'X.Ads.Example', type), ['NXDOMAIN', ['SOA'], EDE.blocked]);
  }
  assert.deepEqual(counted, ['list', 'list', 'list', 'list', 'list']);
  assert.equal(lookup(policy, 'example.com'), undefined);
});

test('--block-answer zero: a blocked name has the unspecified addresses and no other data', () => {
  const { policy } = create({ blockAnswer: 'zero' });
  assert.deepEqual(lookup(policy, 'ads.example'), ['NOERROR', ['A 0.0.0.0'], EDE.blocked]);
  assert.deepEqual(lookup(policy, 'ads.example', 'AAAA'), ['NOERROR', ['AAAA ::'], EDE.blocked]);
  assert.deepEqual(lookup(policy, 'ads.example', 'UNKNOWN_65'), ['NOERROR', ['SOA'], EDE.blocked]);
});

test('own names come before lists, and lists before the names that are local anyway', () => {
  const { policy, counted } = create();
  assert.deepEqual(lookup(policy, 'own.example'), ['NOERROR', ['A 192.168.1.5'], undefined]);
  assert.deepEqual(lookup(policy, 'both.lan'), ['NXDOMAIN', ['SOA'], EDE.blocked]);
  assert.deepEqual(lookup(policy, 'other.lan'), ['NXDOMAIN', ['SOA'], EDE.blocked]);
  assert.deepEqual(counted, ['list']);
});

test('a route takes the place of the special-use answer, but of no list and no own name', () => {
  const covered = new Set(
    ['lan', 'both.lan', 'x.lan', 'own.example'].map((name) => octetString(rawName(...name.split('.')))),
  );
  const { policy } = create({ covers: (qname) => covered.has(qname) });
  assert.equal(lookup(policy, 'x.lan'), undefined);
  assert.deepEqual(lookup(policy, 'y.lan'), ['NXDOMAIN', ['SOA'], EDE.blocked]);
  assert.deepEqual(lookup(policy, 'both.lan'), ['NXDOMAIN', ['SOA'], EDE.blocked]);
  assert.deepEqual(lookup(policy, 'own.example'), ['NOERROR', ['A 192.168.1.5'], undefined]);
});

/** An answer for `name` with a CNAME record that leads to `target`. */
function aliasOf(name: string, target: string, address = '192.0.2.1'): ReturnType<typeof parseAnswer> {
  return parseAnswer(
    buildResponse({
      name,
      answers: [{ type: 'CNAME', name, ttl: 120, data: target }, addressRecord(target, 300, address)],
    }),
  );
}

test('a name that is an alias of a blocked name is blocked, for as long as the alias may be cached', () => {
  const { policy, counted } = create();
  const reviewed = policy.review(aliasOf('shop.example.com', 'x.ads.example'));
  assert.deepEqual([reviewed.kind, reviewed.negativeTtl, reviewed.extendedError?.code], ['nxdomain', 120, EDE.blocked]);
  assert.deepEqual(counted, ['alias']);
  const zero = create({ blockAnswer: 'zero' }).policy.review(aliasOf('shop.example.com', 'x.ads.example'));
  assert.deepEqual([zero.kind, zero.lowestTtl], ['data', 120]);
});

test('an alias of a name that no list has, and a name that an allow list has, stay as they are', () => {
  const { policy, counted } = create();
  for (const answer of [aliasOf('shop.example.com', 'cdn.example'), aliasOf('good.example', 'x.ads.example')]) {
    assert.equal(policy.review(answer), answer);
  }
  assert.deepEqual(counted, []);
});

test('SVCB and HTTPS records that lead to a blocked name are blocked', () => {
  const { policy } = create();
  for (const type of [TYPE.SVCB, TYPE.HTTPS]) {
    for (const [target, isBlocked] of [
      [rawName('ads', 'example'), true],
      [rawName('cdn', 'example'), false],
      [rawName(), false],
    ] as const) {
      const data = Uint8Array.from([0, 1, ...target]);
      const wire = rawMessage({
        flags: 0x8180,
        questions: [rawQuestion(rawName('shop', 'example', 'com'), type)],
        answers: [rawRecord(rawPointer(12), type, 60, data)],
      });
      assert.equal(policy.review(parseAnswer(wire)).kind, isBlocked ? 'nxdomain' : 'data');
    }
  }
});

test('after a reload, only answers that the new policy would give are kept', () => {
  const { policy, counted } = create();
  const address = (name: string, data?: string): ReturnType<typeof parseAnswer> =>
    parseAnswer(buildResponse({ name, answers: [addressRecord(name, 60, data)] }));
  const changed = policy.review(address('rebind.example.com', '10.0.0.1'));
  for (const [answer, isKept] of [
    [address('example.com'), true],
    [address('x.ads.example'), false],
    [address('own.example'), false],
    [address('alias.lan'), false],
    [address('nas.lan'), false],
    [address('private.example.com', '10.0.0.1'), false],
    [aliasOf('shop.example.com', 'ads.example'), false],
    [aliasOf('good.example', 'ads.example'), true],
    [changed, false],
  ] as const) {
    assert.equal(policy.keeps(answer), isKept, decodeReply(answer.bytes).questions?.[0]?.name);
    // As the cache has it: somewhere in a larger buffer.
    const bytes = new Uint8Array(100 + answer.bytes.length);
    bytes.set(answer.bytes, 100);
    assert.equal(policy.keeps({ ...answer, bytes, start: 100 }), isKept);
  }
  assert.deepEqual(counted, ['private']);
});

test('the sizes are those of the names and lists', () => {
  assert.deepEqual(create().policy.sizes, { own: 3, block: 3, allow: 1 });
  assert.deepEqual(new Policy(PLAIN).sizes, { own: 0, block: 0, allow: 0 });
});
