import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lifetimeSeconds } from '../../src/cache/lifetime.ts';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import { addressRecord, buildResponse, soaRecord } from '../fixtures/dns/messages.ts';
import { dataAnswer, deniedAnswer } from './cache-rig.ts';

const DAY = 86_400;
const NXDOMAIN = 3;

test('data is cached for the lowest TTL of all sections', () => {
  assert.equal(lifetimeSeconds(dataAnswer('example.com', 300)), 300);
  const wire = buildResponse({
    answers: [addressRecord('example.com', 300)],
    authorities: [{ type: 'NS', name: 'example.com', ttl: 300, data: 'ns.example.com' }],
    additionals: [addressRecord('ns.example.com', 20)],
  });
  assert.equal(lifetimeSeconds(parseAnswer(wire)), 20);
});

test('data with TTL 0 is not cached (RFC 1035 §3.2.1)', () => {
  assert.equal(lifetimeSeconds(dataAnswer('example.com', 0)), 0);
});

test('data is cached for at most a day (RFC 8767 §4)', () => {
  assert.equal(lifetimeSeconds(dataAnswer('example.com', DAY)), DAY);
  assert.equal(lifetimeSeconds(dataAnswer('example.com', DAY + 1)), DAY);
  assert.equal(lifetimeSeconds(dataAnswer('example.com', 0x7fff_ffff)), DAY);
});

test('NXDOMAIN and NODATA are cached for the lower of their SOA record’s TTL and MINIMUM (RFC 2308 §5)', () => {
  for (const flags of [0, NXDOMAIN]) {
    for (const [ttl, minimum] of [
      [60, 3600],
      [3600, 60],
    ] as const) {
      const wire = buildResponse({ flags, authorities: [soaRecord('com', ttl, minimum)] });
      assert.equal(lifetimeSeconds(parseAnswer(wire)), 60);
    }
  }
});

test('NXDOMAIN and NODATA without an SOA record are not cached (RFC 2308 §5)', () => {
  for (const flags of [0, NXDOMAIN]) {
    assert.equal(lifetimeSeconds(parseAnswer(buildResponse({ flags }))), 0);
    const elsewhere = buildResponse({ flags, additionals: [soaRecord('com', 60, 60)] });
    assert.equal(lifetimeSeconds(parseAnswer(elsewhere)), 0);
  }
});

test('NXDOMAIN is cached for at most three hours (RFC 2308 §5)', () => {
  assert.equal(lifetimeSeconds(deniedAnswer('example.com', DAY)), 10_800);
});

test('a negative answer behind a CNAME is cached no longer than the CNAME', () => {
  const cname = { type: 'CNAME', name: 'example.com', ttl: 7, data: 'gone.example.com' } as const;
  const wire = buildResponse({ flags: NXDOMAIN, answers: [cname], authorities: [soaRecord('com', 60, 60)] });
  assert.equal(lifetimeSeconds(parseAnswer(wire)), 7);
});

test('other RCODEs are not cached, with or without records', () => {
  for (const rcode of [1, 2, 4, 5, 9]) {
    const spec = { answers: [addressRecord('example.com', 300)], authorities: [soaRecord('com', 60, 60)] };
    assert.equal(lifetimeSeconds(parseAnswer(buildResponse({ flags: rcode, ...spec }))), 0);
  }
});
