import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeQuestion } from '../../src/message/wire/codec.ts';
import { registeredDomain } from '../../src/message/registered-domain.ts';
import { buildUpstreamQuery, PROBE_QUERY } from '../../src/message/upstream-query.ts';

/** The site of a name, in presentation form. */
function site(name: string, type = 'A'): string {
  const wire = Buffer.from(registeredDomain(buildUpstreamQuery(encodeQuestion(name, type as 'A'), false, false)));
  const labels: string[] = [];
  for (let i = 0; wire.readUInt8(i) > 0; i += 1 + wire.readUInt8(i)) {
    labels.push(wire.toString('latin1', i + 1, i + 1 + wire.readUInt8(i)));
  }
  return labels.join('.');
}

test('a site is the last two labels of a name', () => {
  for (const name of ['example.com', 'www.example.com', 'a.b.c.example.com', '_dmarc.Example.COM']) {
    assert.equal(site(name), 'example.com');
  }
  assert.equal(site('www.example.com', 'TXT'), 'example.com');
});

test('under a public label of a country it is the last three', () => {
  assert.equal(site('www.example.co.uk'), 'example.co.uk');
  assert.equal(site('mail.example.com.au'), 'example.com.au');
  assert.equal(site('a.b.example.ac.jp'), 'example.ac.jp');
  assert.equal(site('co.uk'), 'co.uk');
  // No country, or no public label: errs towards keeping names together.
  assert.equal(site('www.co.example'), 'co.example');
  assert.equal(site('www.shop.example.de'), 'example.de');
  assert.equal(site('user.github.io'), 'github.io');
});

test('a name with one label is its own site, and so is the root', () => {
  assert.equal(site('com'), 'com');
  assert.equal(site('.'), '');
  assert.deepEqual([...registeredDomain(PROBE_QUERY)], [0]);
});

test('reverse names are cut at the networks that providers have', () => {
  assert.equal(site('4.3.2.198.in-addr.arpa', 'PTR'), '2.198.in-addr.arpa');
  const nibbles = '8.b.d.0.1.0.0.2';
  const hosts = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0';
  assert.equal(site(`${hosts}.${nibbles}.ip6.arpa`, 'PTR'), `${nibbles}.ip6.arpa`);
  assert.equal(site('198.in-addr.arpa', 'PTR'), '198.in-addr.arpa');
  assert.equal(site('a.home.arpa'), 'home.arpa');
});
