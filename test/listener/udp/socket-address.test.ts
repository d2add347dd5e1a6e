import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadLinuxSockets } from '../../../src/listener/udp/linux-sockets.ts';
import { SocketAddressCodec } from '../../../src/listener/udp/socket-address.ts';

const SOCKETS = await loadLinuxSockets();

const ADDRESSES = {
  4: ['127.0.0.1', '192.0.2.255', '0.0.0.0', '255.255.255.255'],
  // `lo` is the loopback interface of every Linux.
  6: ['::1', '::', '2001:db8::1', '2001:db8:1:2:3:4:5:6', 'fe80::1%lo', 'fe80::2', '::ffff:192.0.2.1'],
} as const;

test('a written address is read back as the same text, also from the cache of the last one', () => {
  for (const family of [4, 6] as const) {
    const addresses = new SocketAddressCodec(SOCKETS, family);
    for (const text of [...ADDRESSES[family], ...ADDRESSES[family]]) {
      for (const port of [1, 53, 65_535]) {
        const bytes = addresses.create(text, port);
        assert.deepEqual([addresses.text(bytes), addresses.port(bytes)], [text, port]);
        assert.equal(addresses.text(bytes.slice()), text);
      }
    }
  }
});

test('addresses that differ in one octet, or only in the zone, are told apart', () => {
  const addresses = new SocketAddressCodec(SOCKETS, 6);
  const bytes = addresses.create('2001:db8::1', 53);
  for (let octet = 8; octet < 24; octet++) {
    assert.equal(addresses.text(bytes), '2001:db8::1');
    const other = bytes.slice();
    other[octet] = 0x99;
    assert.notEqual(addresses.text(other), '2001:db8::1', `octet ${octet}`);
  }
  assert.equal(addresses.text(addresses.create('fe80::1%lo', 53)), 'fe80::1%lo');
  assert.equal(addresses.text(addresses.create('fe80::1', 53)), 'fe80::1');
});

test('an address of another family or with an unknown zone cannot be written', () => {
  for (const [family, texts] of [
    [4, ['', '::1', '127.0.0.256', 'localhost', '127.0.0.1%lo%lo']],
    [6, ['', '127.0.0.1', 'fe80::1%nosuch', 'fe80::1%', 'fe80%lo']],
  ] as const) {
    const addresses = new SocketAddressCodec(SOCKETS, family);
    const written = ADDRESSES[family][0];
    addresses.create(written, 53);
    for (const text of texts) {
      assert.equal(addresses.write(text, 53, new Uint8Array(addresses.bytes)), false, text);
      assert.throws(() => addresses.create(text, 53), { code: 'EADDRNOTAVAIL' });
    }
    // The failed address is not mistaken for the last one written.
    assert.equal(addresses.text(addresses.create(written, 53)), written);
  }
});
