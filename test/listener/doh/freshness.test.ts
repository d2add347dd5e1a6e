import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, encode, type Packet } from 'dns-packet';
import { freshnessSeconds } from '../../../src/listener/doh/freshness.ts';
import { addressRecord, optRecord, soaRecord } from '../../fixtures/dns/messages.ts';

const QUESTION = { name: 'www.example.com', type: 'A', class: 'IN' } as const;

function freshness(packet: Packet): number {
  return freshnessSeconds(encode({ type: 'response', questions: [QUESTION], ...packet }));
}

const WWW = QUESTION.name;
const address = addressRecord;
const soa = (ttl: number, minimum: number): Answer => soaRecord('example.com', ttl, minimum);

test('RFC 8484 §5.1: an answer is fresh for its lowest TTL, in whatever section', () => {
  assert.equal(freshness({ answers: [address(WWW, 300), address(WWW, 30), address(WWW, 600)] }), 30);
  assert.equal(freshness({ answers: [address(WWW, 300)], authorities: [address('ns.example.com', 20)] }), 20);
  assert.equal(freshness({ answers: [address(WWW, 300)], additionals: [address('x.example.com', 10)] }), 10);
  assert.equal(freshness({ answers: [address(WWW, 300), address(WWW, 0)] }), 0);
});

test('RFC 8484 §5.1: without answers, TTL and MINIMUM of the SOA record are bounds', () => {
  assert.equal(freshness({ authorities: [soa(900, 60)] }), 60);
  assert.equal(freshness({ authorities: [soa(50, 60)] }), 50);
});

test('the SOA record of an answer counts with its TTL only', () => {
  assert.equal(freshness({ answers: [address(WWW, 300)], authorities: [soa(900, 60)] }), 300);
  assert.equal(freshness({ answers: [soa(900, 60)] }), 900);
});

test('a reply with neither answers nor an SOA record is not fresh', () => {
  assert.equal(freshness({}), 0);
  assert.equal(freshness({ authorities: [address('ns.example.com', 300)] }), 0);
  assert.equal(freshness({ additionals: [soa(900, 60)] }), 0);
  assert.equal(freshnessSeconds(encode({ type: 'response', flags: 1 })), 0);
});

test('RFC 6891 §6.1.3: the flags of an OPT record are no TTL', () => {
  for (const dnssecOk of [false, true]) {
    const opt = optRecord({ dnssecOk });
    assert.equal(freshness({ answers: [address(WWW, 300)], additionals: [opt] }), 300);
    assert.equal(freshness({ authorities: [soa(900, 60)], additionals: [opt] }), 60);
  }
});

test('RFC 2181 §8: a TTL with the top bit set counts as 0', () => {
  assert.equal(freshness({ answers: [address(WWW, 300), address(WWW, 0x8000_0000)] }), 0);
});
