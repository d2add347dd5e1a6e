import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-problem.ts';
import { loadSettings, type Sources } from '../../src/config/load.ts';
import { validate } from '../../src/config/validate.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ServerCertificate,
} from '../fixtures/certificates.ts';

type Flags = NonNullable<Sources['flags']>;

let ca: CertificateAuthority;
let server: ServerCertificate;
let other: ServerCertificate;
before(async () => {
  ca = await createCertificateAuthority();
  [server, other] = await Promise.all([ca.issue(['dns.example']), ca.issue(['other.example'])]);
});
after(() => ca[Symbol.asyncDispose]());

const pair = ({ certificatePath, keyPath }: ServerCertificate = server): Flags => ({
  'tls-cert': [certificatePath],
  'tls-key': [keyPath],
});

function load(flags: Flags): Config {
  return validate(loadSettings({ flags, env: {} }));
}

/** The options that the problems are about. */
function blamed(flags: Flags): readonly string[] {
  try {
    load(flags);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    for (const { remedy } of error.problems) assert.ok(remedy !== undefined);
    return error.problems.map(({ problem }) => /^--[a-z-]+/.exec(problem)?.[0] ?? problem);
  }
}

test('DoT and DoH are served with a certificate and its key', () => {
  const { encrypted } = load({
    ...pair(),
    'dot-address': ['127.0.0.1', '[::1],127.0.0.1'],
    'doh-address': ['localhost'],
    'doh-path': ['/other'],
  });
  assert.deepEqual([encrypted.dotAddresses, encrypted.dohAddresses], [['127.0.0.1', '::1'], ['localhost']]);
  assert.deepEqual([encrypted.dotPort, encrypted.dohPort, encrypted.dohPath], [853, 443, '/other']);
  assert.deepEqual([encrypted.tls?.certificatePath, encrypted.tls?.keyPath], [server.certificatePath, server.keyPath]);
  assert.ok(Object.isFrozen(encrypted.tls));
});

test('a listener without a certificate, half a pair and two that do not match are each one problem', () => {
  const { 'tls-cert': cert = [], 'tls-key': key = [] } = pair();
  assert.deepEqual(blamed({ 'dot-address': ['127.0.0.1'] }), ['--dot-address']);
  assert.deepEqual(blamed({ 'doh-address': ['127.0.0.1'] }), ['--doh-address']);
  assert.deepEqual(blamed({ 'dot-address': ['127.0.0.1'], 'tls-cert': cert }), ['--dot-address']);
  assert.deepEqual(blamed({ 'tls-cert': cert }), ['--tls-cert']);
  assert.deepEqual(blamed({ 'tls-key': key }), ['--tls-key']);
  assert.deepEqual(blamed({ ...pair(), 'tls-key': [other.keyPath] }), ['--tls-key']);
  assert.deepEqual(blamed(pair(other)), []);
});

test('DoH for a reverse proxy needs no certificate', () => {
  const { encrypted } = load({ 'doh-plain': ['unix:/run/dns4tor/doh'] });
  assert.deepEqual([encrypted.dohPlain?.path, encrypted.tls], ['/run/dns4tor/doh', undefined]);
});

test('RFC 5358 §4: each listener beyond loopback needs --allow', () => {
  for (const option of ['dot-address', 'doh-address'] as const) {
    for (const address of ['0.0.0.0', '::', '192.0.2.1']) {
      assert.deepEqual(blamed({ ...pair(), [option]: [address] }), [`--${option}`], address);
      assert.deepEqual(blamed({ ...pair(), [option]: [address], allow: ['192.0.2.0/24'] }), [], address);
    }
    assert.deepEqual(blamed({ ...pair(), [option]: ['127.0.0.2', '::1', 'localhost'] }), []);
  }
});

test('two listeners cannot have one address and port', () => {
  const loopback = { ...pair(), 'dot-address': ['127.0.0.1'], 'doh-address': ['127.0.0.1'] };
  assert.deepEqual(blamed({ ...loopback, 'doh-port': ['853'] }), ['--doh-port']);
  assert.deepEqual(blamed({ ...loopback, 'dot-port': ['53'] }), ['--dot-port']);
  assert.deepEqual(blamed({ ...loopback, 'dot-port': ['53'], 'doh-port': ['53'] }), ['--dot-port', '--doh-port']);
  assert.deepEqual(blamed({ ...loopback, metrics: ['127.0.0.1:443'] }), ['--metrics']);
  assert.deepEqual(blamed({ ...loopback, metrics: ['localhost:443'] }), ['--metrics']);
});

test('a wildcard covers the addresses of its family, and localhost those of loopback', () => {
  const both = (dot: string, doh: string): readonly string[] =>
    blamed({
      ...pair(),
      allow: ['192.0.2.0/24'],
      'dot-address': [dot],
      'doh-address': [doh],
      'dot-port': ['8443'],
      'doh-port': ['8443'],
    });
  for (const [one, another] of [
    ['0.0.0.0', '192.0.2.1'],
    ['::', '::1'],
    ['0.0.0.0', 'localhost'],
    ['::', 'localhost'],
    ['localhost', '::1'],
  ] as const) {
    assert.deepEqual(both(one, another), ['--doh-port'], `${one} ${another}`);
    assert.deepEqual(both(another, one), ['--doh-port'], `${another} ${one}`);
  }
  for (const [one, another] of [
    ['0.0.0.0', '::'],
    ['0.0.0.0', '::1'],
    ['127.0.0.1', '127.0.0.2'],
    ['192.0.2.1', 'localhost'],
  ] as const) {
    assert.deepEqual(both(one, another), [], `${one} ${another}`);
  }
});

test('ports that are chosen at the start do not conflict', () => {
  const free = { 'dot-port': ['0'], 'doh-port': ['0'], port: ['0'], metrics: ['127.0.0.1:0'] };
  assert.deepEqual(blamed({ ...pair(), 'dot-address': ['127.0.0.1'], 'doh-address': ['127.0.0.1'], ...free }), []);
});
