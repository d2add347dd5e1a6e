import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registeredDomain } from '../../src/message/registered-domain.ts';
import { buildUpstreamQuery, PROBE_QUERY } from '../../src/message/upstream-query.ts';
import { encodeQuestion } from '../../src/message/wire/codec.ts';

/** The registered domain of a name, in presentation form. */
function domainOf(name: string, type = 'A'): string {
  const wire = Buffer.from(registeredDomain(buildUpstreamQuery(encodeQuestion(name, type as 'A'), false, false)));
  const labels: string[] = [];
  for (let i = 0; wire.readUInt8(i) > 0; i += 1 + wire.readUInt8(i)) {
    labels.push(wire.toString('latin1', i + 1, i + 1 + wire.readUInt8(i)));
  }
  return labels.join('.');
}

test('the registered domain is the last two labels of a name', () => {
  for (const name of ['example.com', 'www.example.com', 'a.b.c.example.com', '_dmarc.Example.COM']) {
    assert.equal(domainOf(name), 'example.com');
  }
  assert.equal(domainOf('www.example.com', 'TXT'), 'example.com');
});

test('below a country’s second-level label it is the last three labels', () => {
  assert.equal(domainOf('www.example.co.uk'), 'example.co.uk');
  assert.equal(domainOf('mail.example.com.au'), 'example.com.au');
  assert.equal(domainOf('a.b.example.ac.jp'), 'example.ac.jp');
  assert.equal(domainOf('co.uk'), 'co.uk');
  // Not a country, or not in the list: names are merged rather than split.
  assert.equal(domainOf('www.co.example'), 'co.example');
  assert.equal(domainOf('www.shop.example.de'), 'example.de');
  assert.equal(domainOf('user.github.io'), 'github.io');
});

test('a single-label name and the root are their own registered domains', () => {
  assert.equal(domainOf('com'), 'com');
  assert.equal(domainOf('.'), '');
  assert.deepEqual([...registeredDomain(PROBE_QUERY)], [0]);
});

test('reverse names end at the network of a typical provider', () => {
  assert.equal(domainOf('4.3.2.198.in-addr.arpa', 'PTR'), '2.198.in-addr.arpa');
  const nibbles = '8.b.d.0.1.0.0.2';
  const hosts = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0';
  assert.equal(domainOf(`${hosts}.${nibbles}.ip6.arpa`, 'PTR'), `${nibbles}.ip6.arpa`);
  assert.equal(domainOf('198.in-addr.arpa', 'PTR'), '198.in-addr.arpa');
  assert.equal(domainOf('a.home.arpa'), 'home.arpa');
});
