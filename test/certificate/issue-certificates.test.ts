import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { EXTENSION, issueServerCertificate } from '../../src/certificate/issue-certificates.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { describe, made, verify } from './made.ts';

const DAY_MS = 86_400_000;
/** X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH. */
const MISMATCH = /^6[24]$/;
/** X509_V_ERR_PERMITTED_VIOLATION and X509_V_ERR_EXCLUDED_VIOLATION. */
const VIOLATION = /^4[78]$/;
const NAMES = ['192.168.1.2', 'dns.home.arpa', 'xn--bcher-kva.example', 'fd00::1', 'localhost'];

function nameFlags(name: string): readonly string[] {
  return [isIP(name) === 0 ? '-verify_hostname' : '-verify_ip', name];
}

test('openssl accepts the certificate for each of its names, and for no other', async () => {
  const { authority, certificate } = made(NAMES);
  for (const name of NAMES) {
    assert.equal(await verify(authority.certificate, certificate, ...nameFlags(name)), 'OK', name);
  }
  for (const name of ['home.arpa', 'www.localhost', '192.168.1.3', 'fd00::2']) {
    assert.match(await verify(authority.certificate, certificate, ...nameFlags(name)), MISMATCH, name);
  }
});

for (const [permitted, forbidden] of [
  [NAMES, ['www.example', 'arpa', 'home.arpa', 'xdns.home.arpa', '192.168.1.3', 'fd00::2']],
  [['192.168.1.2'], ['dns.home.arpa', 'localhost', '192.168.1.1', 'fd00::1', '::1']],
  [['fd00::1'], ['dns.home.arpa', '192.168.1.2', '127.0.0.1', 'fd00::2']],
  [['dns.home.arpa'], ['home.arpa', '192.168.1.2', 'fd00::1']],
] as const) {
  test(`a certificate that the authority of ${permitted.join(', ')} signs for another name is invalid`, async () => {
    const { authority } = made(permitted);
    const from = Date.now();
    for (const name of forbidden) {
      const stolen = issueServerCertificate(systemRandom, authority, {
        names: [name],
        serverKey: authority.key,
        fromEpochMs: from,
        untilEpochMs: from + DAY_MS,
      });
      assert.match(await verify(authority.certificate, stolen, ...nameFlags(name)), VIOLATION, name);
    }
  });
}

test('names below a permitted one are permitted', async () => {
  const { authority } = made(['dns.home.arpa']);
  const { certificate } = made(['a.dns.home.arpa'], { authority, certificate: undefined, key: undefined });
  assert.equal(await verify(authority.certificate, certificate, '-verify_hostname', 'a.dns.home.arpa'), 'OK');
});

test('the authority is for servers only, and cannot make another authority', async () => {
  const { authority } = made(NAMES);
  const text = await describe(authority.certificate, '-ext', Object.keys(EXTENSION).join(','));
  for (const line of [
    /Basic Constraints: critical\n\s+CA:TRUE, pathlen:0/,
    /Key Usage: critical\n\s+Certificate Sign\n/,
    /Extended Key Usage: \n\s+TLS Web Server Authentication\n/,
    /Name Constraints: critical\n\s+Permitted:\n\s+IP:192\.168\.1\.2\/255\.255\.255\.255\n/,
  ]) {
    assert.match(text, line);
  }
});

test('a certificate for many long names is well-formed', async () => {
  const names = Array.from({ length: 64 }, (_, index) => `${'a'.repeat(60)}.${'b'.repeat(60)}.n${index}.example`);
  const { authority, certificate } = made(names);
  assert.ok(certificate.raw.length > 8000);
  assert.equal(await verify(authority.certificate, certificate, '-verify_hostname', names.at(-1) ?? ''), 'OK');
});

test('serial numbers are random, and have the fewest octets whatever their first ones are', async () => {
  const { authority } = made(NAMES);
  for (const [first, second, expected] of [
    [0, 0x80, '80'],
    [0, 0x7f, '7F'],
    [0xff, 0, 'FF00'],
  ] as const) {
    const bytes = (length: number): Uint8Array => {
      const serial = new Uint8Array(length).fill(0x11);
      serial.set([first, second]);
      return serial;
    };
    const certificate = issueServerCertificate({ ...systemRandom, bytes }, authority, {
      names: ['localhost'],
      serverKey: authority.key,
      fromEpochMs: Date.now(),
      untilEpochMs: Date.now() + DAY_MS,
    });
    assert.equal((await describe(certificate, '-serial')).trim(), `serial=${expected}${'11'.repeat(14)}`);
    assert.equal(await verify(authority.certificate, certificate), 'OK');
  }
  const serials = new Set(
    [made(NAMES), made(NAMES)].flatMap((one) =>
      [one.certificate, one.authority.certificate].map(({ serialNumber }) => serialNumber),
    ),
  );
  assert.equal(serials.size, 4);
});

test('dates before and after 2050 have the form that RFC 5280 asks for', async () => {
  const { authority } = made(NAMES);
  const certificate = issueServerCertificate(systemRandom, authority, {
    names: ['localhost'],
    serverKey: authority.key,
    fromEpochMs: Date.UTC(2049, 11, 31, 23, 59, 59),
    untilEpochMs: Date.UTC(2050, 0, 1),
  });
  const text = await describe(certificate, '-dates');
  assert.match(text, /notBefore=Dec 31 23:59:59 2049 GMT\nnotAfter=Jan {2}1 00:00:00 2050 GMT/);
  assert.ok(certificate.raw.includes('491231235959Z'));
  assert.ok(certificate.raw.includes('20500101000000Z'));
});
