import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { machineNames, networksOf, toServerName } from '../../src/certificate/server-names.ts';

function address(text: string, prefix: number, netmask: string): NetworkInterfaceInfo {
  const internal = text === '127.0.0.1' || text === '::1';
  const [cidr, mac] = [`${text}/${prefix}`, '02:00:00:00:00:01'];
  return text.includes(':')
    ? { address: text, family: 'IPv6', netmask, internal, cidr, mac, scopeid: 0 }
    : { address: text, family: 'IPv4', netmask, internal, cidr, mac };
}

const INTERFACES = {
  lo: [address('127.0.0.1', 8, '255.0.0.0'), address('::1', 128, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')],
  eth0: [
    address('203.0.113.7', 24, '255.255.255.0'),
    address('169.254.3.4', 16, '255.255.0.0'),
    address('192.168.130.2', 23, '255.255.254.0'),
    address('fd00::1', 64, 'ffff:ffff:ffff:ffff::'),
  ],
};

test('the names of a machine are its private IPv4 addresses, its host name and those of itself', () => {
  const own = ['localhost', '127.0.0.1', '::1'];
  assert.deepEqual(
    machineNames('Laptop', () => INTERFACES),
    ['192.168.130.2', 'laptop', 'laptop.local', ...own],
  );
  assert.deepEqual(
    machineNames('dns.home.arpa', () => ({})),
    ['dns.home.arpa', ...own],
  );
  for (const name of ['localhost', 'my_laptop', '', '-'])
    assert.deepEqual(
      machineNames(name, () => ({})),
      own,
    );
});

test('configured addresses come first, but for those that mean the machine itself or any address', () => {
  const configured = ['127.0.0.1', '0.0.0.0', '203.0.113.7', 'localhost', '::', 'fe80::1%eth0'];
  const names = machineNames('laptop.example', () => INTERFACES, configured);
  assert.deepEqual(names.slice(0, 3), ['203.0.113.7', '192.168.130.2', 'laptop.example']);
  assert.equal(new Set(names).size, names.length);
});

test('a kernel that does not tell its addresses is no error', () => {
  const failing = (): never => {
    throw new Error('EMFILE');
  };
  assert.deepEqual(machineNames('localhost', failing), ['localhost', '127.0.0.1', '::1']);
});

test('networks are those of the given addresses, without loopback', () => {
  assert.deepEqual(
    networksOf(['127.0.0.1', '192.168.130.2', 'fd00::1', 'laptop'], () => INTERFACES),
    ['192.168.130.0/23', 'fd00::/64'],
  );
});

for (const [text, name] of [
  ['DNS.Home.ARPA.', 'dns.home.arpa'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['FD00:0::1', 'fd00::1'],
  ['::ffff:192.168.1.2', '::ffff:c0a8:102'],
  ['192.168.1.2', '192.168.1.2'],
] as const) {
  test(`${text} is the name ${name}`, () => assert.equal(toServerName(text), name));
}

for (const text of [
  '',
  '*',
  '*.example',
  'a b',
  'a..b',
  '-a',
  'my_host',
  '192.168.1',
  '1.2.3.4.5',
  '0.0.0.0',
  '::',
  'fe80::1%eth0',
  '[::1]',
  '192.168.1.2:853',
  'https://dns.example',
  'a,DNS:b',
  'a\nb',
  'a\0b',
  '../a',
  'a'.repeat(64),
  `${'a.'.repeat(127)}aa`,
]) {
  test(`${JSON.stringify(text)} is no name of a server`, () => assert.equal(toServerName(text), undefined));
}
