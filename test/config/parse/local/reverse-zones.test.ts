import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '../../../../src/config/parse/cidr.ts';
import { reverseZones } from '../../../../src/config/parse/local/reverse-zones.ts';

function zonesOf(text: string): readonly string[] | undefined {
  const block = parseCidr(text);
  if ('problem' in block) return assert.fail(text);
  const zones = reverseZones(block.value);
  return 'problem' in zones ? undefined : zones.value;
}

test('a network that ends at a label is one reverse zone', () => {
  assert.deepEqual(zonesOf('10.0.0.0/8'), ['10.in-addr.arpa']);
  assert.deepEqual(zonesOf('172.16.0.0/16'), ['16.172.in-addr.arpa']);
  assert.deepEqual(zonesOf('192.168.1.0/24'), ['1.168.192.in-addr.arpa']);
  assert.deepEqual(zonesOf('192.168.1.7'), ['7.1.168.192.in-addr.arpa']);
  assert.deepEqual(zonesOf('fd00::/8'), ['d.f.ip6.arpa']);
  assert.deepEqual(zonesOf('fd12:3456:789a::/48'), ['a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa']);
  assert.deepEqual(zonesOf('2001:db8::1/128'), [`1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`]);
});

test('any other network is one zone for each label value within it', () => {
  const zones = zonesOf('172.16.0.0/12');
  assert.equal(zones?.length, 16);
  assert.deepEqual([zones?.[0], zones?.at(-1)], ['16.172.in-addr.arpa', '31.172.in-addr.arpa']);
  const half = zonesOf('192.168.1.128/25');
  assert.equal(half?.length, 128);
  assert.deepEqual([half?.[0], half?.at(-1)], ['128.1.168.192.in-addr.arpa', '255.1.168.192.in-addr.arpa']);
  assert.deepEqual(zonesOf('fc00::/7'), ['c.f.ip6.arpa', 'd.f.ip6.arpa']);
});

test('every IPv4 and IPv6 prefix length gives between 1 and 128 zones that cover the right number of addresses', () => {
  for (let prefix = 1; prefix <= 32; prefix++) {
    const zones = zonesOf(`0.0.0.0/${prefix}`) ?? [];
    const labels = (zones[0] ?? '').split('.').length - 2;
    assert.ok(zones.length >= 1 && zones.length <= 128, String(prefix));
    assert.equal(zones.length * 2 ** (32 - 8 * labels), 2 ** (32 - prefix), String(prefix));
  }
  for (let prefix = 1; prefix <= 128; prefix++) {
    const zones = zonesOf(`::/${prefix}`) ?? [];
    const labels = (zones[0] ?? '').split('.').length - 2;
    assert.ok(zones.length >= 1 && zones.length <= 8, String(prefix));
    assert.equal(zones.length * 2 ** (128 - 4 * labels), 2 ** (128 - prefix), String(prefix));
  }
});

test('a network with host bits, or of every address, is refused', () => {
  for (const text of ['192.168.1.1/24', '172.17.0.0/12', '192.168.1.64/25', 'fd00::1/64', '0.0.0.0/0', '::/0']) {
    assert.equal(zonesOf(text), undefined, text);
  }
});
