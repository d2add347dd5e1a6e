import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute, type RouteRule } from '../../../../src/config/parse/local/route-rule.ts';

function rule(text: string): RouteRule {
  const parsed = parseRoute(text);
  return 'problem' in parsed ? assert.fail(`${text}: ${parsed.problem}`) : parsed.value;
}

test('a suffix is a domain name in any case, with or without the final dot, of one label or several', () => {
  for (const suffix of ['lan', 'LAN', 'lan.', ' lan ']) {
    assert.deepEqual(rule(`${suffix}=192.168.1.1`), {
      suffix: 'lan',
      zones: ['lan'],
      server: { host: '192.168.1.1', port: 53 },
    });
  }
  assert.equal(rule('Corp.Example=10.0.0.1').suffix, 'corp.example');
  assert.equal(rule('_ldap._tcp.corp=10.0.0.1').suffix, '_ldap._tcp.corp');
  assert.equal(rule('büro=10.0.0.1').suffix, 'xn--bro-hoa');
});

test('a suffix is a network, which stands for its reverse zones', () => {
  assert.deepEqual(rule('192.168.1.0/24=192.168.1.1'), {
    suffix: '192.168.1.0/24',
    zones: ['1.168.192.in-addr.arpa'],
    server: { host: '192.168.1.1', port: 53 },
  });
  assert.equal(rule('172.16.0.0/12=10.0.0.1').zones.length, 16);
  assert.deepEqual(rule('fd00::/8=[fd00::1]').zones, ['d.f.ip6.arpa']);
});

test('a server is an IP address with or without a port, IPv6 in brackets, link-local with its interface', () => {
  assert.deepEqual(rule('lan=192.168.1.1:5353').server, { host: '192.168.1.1', port: 5353 });
  assert.deepEqual(rule('lan=[fd00::1]').server, { host: 'fd00::1', port: 53 });
  assert.deepEqual(rule('lan=[FD00::1]:5353').server, { host: 'fd00::1', port: 5353 });
  assert.deepEqual(rule('lan=[fe80::1%eth0]:53').server, { host: 'fe80::1%eth0', port: 53 });
});

test('everything else is refused with a remedy', () => {
  const refused = [
    'lan',
    '=192.168.1.1',
    '.=192.168.1.1',
    'a..b=192.168.1.1',
    '-a=192.168.1.1',
    `${'a'.repeat(64)}=192.168.1.1`,
    `${Array.from({ length: 128 }, () => 'a').join('.')}=192.168.1.1`,
    'two words=192.168.1.1',
    'bü\tro=192.168.1.1',
    '192.168.1.1/24=192.168.1.1',
    '0.0.0.0/0=192.168.1.1',
    'lan=',
    'lan=router',
    'lan=localhost',
    'lan=192.168.1.1:',
    'lan=192.168.1.1:0',
    'lan=192.168.1.1:65536',
    'lan=192.168.1.1:dns',
    'lan=192.168.1.1#5353',
    'lan=fd00::1',
    'lan=[192.168.1.1]',
    'lan=[fe80::1]',
    'lan=0.0.0.0',
    'lan=255.255.255.255',
    'lan=224.0.0.251',
    'lan=[::]',
    'lan=[0:0::0]',
    'lan=[ff02::fb%eth0]',
    'lan=[::ffff:192.168.1.1]',
  ];
  for (const text of refused) {
    const parsed = parseRoute(text);
    assert.ok('problem' in parsed && parsed.remedy !== undefined, text);
  }
});

test('no route covers names of onion services or localhost, in any spelling', () => {
  for (const suffix of ['onion', 'ONION.', 'a.onion', 'localhost', 'a.LocalHost', '.', '', 'ｏｎｉｏｎ']) {
    assert.ok('problem' in parseRoute(`${suffix}=192.168.1.1`), suffix);
  }
});
