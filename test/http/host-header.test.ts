import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeHost, pathOf } from '../../src/http/host-header.ts';

const judge = (host: string, listening: string): string =>
  judgeHost({ url: '/', rawHeaders: ['Host', host] }, listening);
const isAllowedHost = (host: string, listening: string): boolean => judge(host, listening) === 'ours';

test('a server on loopback accepts localhost and loopback addresses, with any port', () => {
  for (const host of ['localhost', 'LocalHost:9100', '127.0.0.1', '127.0.0.53:9100', '[::1]', '[::1]:9100']) {
    assert.ok(isAllowedHost(host, '127.0.0.1'), host);
    assert.ok(isAllowedHost(host, '::1'), host);
  }
});

test('no server accepts a name, not even one that looks like an address', () => {
  const hosts = [
    'rebound.example',
    'rebound.example:9100',
    '127.0.0.1.rebound.example',
    'localhost.rebound.example',
    'localhost@rebound.example',
    '127.1',
    '2130706433',
    '::1',
    '[::1].rebound.example',
    '[localhost',
    '',
    ':9100',
    '127.0.0.1:9100:9100',
    '127.0.0.1 rebound.example',
  ];
  for (const host of hosts) {
    for (const listening of ['127.0.0.1', '0.0.0.0', '::']) assert.ok(!isAllowedHost(host, listening), host);
  }
});

test('an address that is not loopback is accepted by a server on the network, and not by one on loopback', () => {
  const linkLocal = ['[fe80::1]:9100', '[fe80::1%eth0]:9100', '[fe80::1%25eth0]'];
  for (const host of ['192.168.1.2', '192.168.1.2:9100', '[2001:db8::1]:9100', ...linkLocal]) {
    assert.ok(!isAllowedHost(host, '127.0.0.1'), host);
    assert.ok(isAllowedHost(host, '0.0.0.0'), host);
    assert.ok(isAllowedHost(host, '192.168.1.2'), host);
    assert.ok(isAllowedHost(host, '::'), host);
  }
});

test('the host names of the server are accepted in any case, and no name below or above them', () => {
  const names = ['nas.lan'];
  const judgeNamed = (host: string): string => judgeHost({ url: '/', rawHeaders: ['Host', host] }, '127.0.0.1', names);
  for (const host of ['nas.lan', 'NAS.LAN:1']) assert.equal(judgeNamed(host), 'ours', host);
  for (const host of ['x.nas.lan', 'lan', 'nas.lan.', 'nas.lan.rebound.example']) {
    assert.equal(judgeNamed(host), 'foreign', host);
  }
});

test('a request without a Host header is accepted, because no browser sends one', () => {
  assert.equal(judgeHost({ url: '/', rawHeaders: ['Accept', 'host'] }, '127.0.0.1'), 'ours');
});

test('RFC 9112 §3.2: several Host headers, or an invalid one, are malformed, on a unix socket as well', () => {
  for (const listening of ['127.0.0.1', undefined]) {
    for (const [first, second] of [
      ['localhost', 'localhost'],
      ['localhost', 'rebound.example'],
      ['rebound.example', 'localhost'],
    ] as const) {
      const rawHeaders = ['Host', first, 'Accept', '*/*', 'hOST', second];
      assert.equal(judgeHost({ url: '/', rawHeaders }, listening), 'malformed');
    }
    for (const host of [
      'localhost@rebound.example',
      'local host',
      'localhost/',
      '::1',
      '[::1',
      '127.0.0.1:1:1',
      'a"b',
    ]) {
      assert.equal(judgeHost({ url: '/', rawHeaders: ['Host', host] }, listening), 'malformed', host);
    }
  }
});

test('RFC 9112 §3.2.2: the host of an absolute-form target overrides the Host header', () => {
  const rawHeaders = ['Host', 'localhost'];
  assert.equal(judgeHost({ url: 'http://rebound.example/metrics', rawHeaders }, '127.0.0.1'), 'foreign');
  assert.equal(judgeHost({ url: 'http://localhost@rebound.example/', rawHeaders }, '127.0.0.1'), 'foreign');
  assert.equal(judgeHost({ url: 'http:///metrics', rawHeaders }, '127.0.0.1'), 'foreign');
  const foreign = ['Host', 'rebound.example'];
  assert.equal(judgeHost({ url: 'HTTP://127.0.0.1:9053/metrics', rawHeaders: foreign }, '127.0.0.1'), 'ours');
});

test('any host is accepted on a unix socket', () => {
  for (const host of ['rebound.example', 'localhost', '192.0.2.1', '']) {
    assert.equal(judgeHost({ url: '/', rawHeaders: ['Host', host] }, undefined), 'ours');
  }
});

test('the path is the part between host and query, as received', () => {
  const paths = {
    '/metrics': '/metrics',
    '/metrics?a=/b#c': '/metrics',
    'http://localhost:9053/metrics?': '/metrics',
    'http://localhost': '',
    '//rebound.example/metrics': '//rebound.example/metrics',
    '/page/../metrics': '/page/../metrics',
    '*': '*',
  };
  for (const [url, path] of Object.entries(paths)) assert.equal(pathOf({ url }), path, url);
});
