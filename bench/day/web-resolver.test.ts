import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, parseAnswer } from '../../src/message/answer/answer.ts';
import { buildQuery } from '../../test/fixtures/dns/messages.ts';
import type { AskedType } from './household.ts';
import type { Host } from './web.ts';
import { createWebResolver, TYPE_NAMES } from './web-resolver.ts';

const HOST: Host = { name: 'a.example.com', ttlSeconds: 60, exists: true, hasIpv6: true, hasHttpsRecord: true };

function answer(host: Host, type: AskedType): Answer {
  return parseAnswer(createWebResolver([host])(buildQuery({ name: host.name, type: TYPE_NAMES[type] })));
}

test('a host has the records of its description, with its TTL', () => {
  for (const type of ['A', 'AAAA', 'HTTPS'] as const) {
    const { kind, lowestTtl } = answer(HOST, type);
    assert.deepEqual({ kind, lowestTtl }, { kind: 'data', lowestTtl: 60 });
  }
});

test('a missing type is denied for the same TTL', () => {
  const bare = { ...HOST, hasIpv6: false, hasHttpsRecord: false };
  assert.equal(answer(bare, 'A').kind, 'data');
  for (const type of ['AAAA', 'HTTPS'] as const) {
    const { kind, negativeTtl } = answer(bare, type);
    assert.deepEqual({ kind, negativeTtl }, { kind: 'nodata', negativeTtl: 60 });
  }
  const { kind, negativeTtl } = answer({ ...HOST, exists: false }, 'A');
  assert.deepEqual({ kind, negativeTtl }, { kind: 'nxdomain', negativeTtl: 60 });
});
