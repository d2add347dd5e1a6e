import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHttpPath, parseUnixSocket } from '../../../src/config/parse/endpoint.ts';

test('the path of a URL is taken as it will be requested, percent-encoded', () => {
  for (const path of [
    '/',
    '/dns-query',
    '/a/b/',
    '/~user/dns-query',
    "/a:b@c!$&'()*+,;=-._",
    '/caf%C3%A9',
    '/..a/.b',
    '//',
  ]) {
    assert.deepEqual(parseHttpPath(path), { value: path });
  }
});

test('what is not a path, or can never be requested, is refused', () => {
  const texts = [
    'dns-query',
    'https://dns.example/dns-query',
    '/dns-query?dns=',
    '/dns-query{?dns}',
    '/dns-query#fragment',
    '/dns query',
    '/café',
    '/100%',
    '/%2',
    '/dns\nquery',
    '/.',
    '/..',
    '/a/../b',
    '/a/./b',
    '/%2E%2e/b',
    '/a/.%2e',
  ];
  for (const text of texts) assert.ok('problem' in parseHttpPath(text), text);
});

test('a unix socket has an absolute path that fits into a socket address', () => {
  const longest = `/${'a'.repeat(106)}`;
  for (const path of ['/run/dns4tor/doh', longest]) {
    assert.deepEqual(parseUnixSocket(`unix:${path}`), { value: { kind: 'unix', path } });
  }
  for (const text of [
    '/run/dns4tor/doh',
    'unix:',
    'unix:run/doh',
    `unix:${longest}a`,
    'unix:@abstract',
    '127.0.0.1:80',
  ]) {
    assert.ok('problem' in parseUnixSocket(text), text);
  }
});
