import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Held } from '../../src/certificate/certificate-directory.ts';
import { type CertificatePlan, planCertificate } from '../../src/certificate/plan-certificate.ts';
import { Dns4torError } from '../../src/failures/errors.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';
import { made, NOTHING_HELD } from './made.ts';

const DAY_MS = 86_400_000;
const NAMES = ['192.168.1.2', 'dns.home.arpa', 'fd00::1'];

function heldAfter({ authority, certificate, changes }: CertificatePlan, key: Held['key']): Held {
  assert.ok(changes.length > 0);
  return { authority, certificate, key };
}

function names({ changes }: CertificatePlan): readonly string[] {
  return changes.map(({ name, text }) => (text === undefined ? `-${name}` : name));
}

test('the first run makes an authority and a key; another one replaces only the certificate, for the same names', () => {
  const first = made(NAMES);
  assert.deepEqual(names(first), ['-ca.pem', 'ca-key.pem', 'ca.pem', 'key.pem', 'cert.pem']);
  const held = heldAfter(first, first.authority.key);
  const second = made([], held, { names: undefined });
  assert.deepEqual(names(second), ['cert.pem']);
  assert.deepEqual(second.names, NAMES);
  assert.ok(second.isRenewal && !second.isNewAuthority);
  assert.notEqual(second.certificate.serialNumber, first.certificate.serialNumber);
  assert.ok(second.certificate.checkPrivateKey(first.authority.key));
});

test('without names and without a certificate, the names are those of the machine', () => {
  assert.deepEqual(made([], NOTHING_HELD, { names: undefined }).names, ['own.example']);
});

test('the authority issues certificates for some of its names, but no other', () => {
  const { authority } = made(NAMES);
  const held = { ...NOTHING_HELD, authority };
  assert.deepEqual(made(['dns.home.arpa'], held).names, ['dns.home.arpa']);
  for (const [name, refused] of [
    ['www.example', 'www.example'],
    ['192.168.1.3', '192.168.1.3'],
    ['xdns.home.arpa', 'xdns.home.arpa'],
  ] as const) {
    assert.throws(
      () => made([...NAMES, name], held),
      (error) => error instanceof Dns4torError && error.code === 'ERR_CERTIFICATE_NAMES' && error.detail === refused,
    );
  }
});

test('a new authority is made for the names, and the key of the server stays', () => {
  const first = made(NAMES);
  const held = { authority: undefined, certificate: first.certificate, key: first.authority.key };
  const second = made(['www.example'], held);
  assert.deepEqual(names(second), ['-ca.pem', 'ca-key.pem', 'ca.pem', 'cert.pem']);
  assert.ok(second.certificate.checkPrivateKey(first.authority.key));
});

test('a certificate of 825 days is valid for no second longer, and already for devices whose clock is behind', () => {
  const clock = new ManualClock();
  const request = { directory: '/tls', names: NAMES, ownNames: [], days: 825 };
  const { certificate } = planCertificate({ clock, random: systemRandom }, NOTHING_HELD, request);
  const { validFromDate, validToDate } = certificate;
  // Both the first and the last second count (RFC 5280 §4.1.2.5).
  const seconds = (validToDate.getTime() - validFromDate.getTime()) / 1000 + 1;
  assert.equal(seconds, 825 * 86_400);
  assert.ok(validFromDate.getTime() <= clock.epochMs() - 3_600_000);
});

test('a certificate does not outlive its authority, and an expired authority is an error', () => {
  const clock = new ManualClock();
  const components = { clock, random: systemRandom };
  const request = { directory: '/tls', names: NAMES, ownNames: [], days: 730 };
  const { authority } = planCertificate(components, NOTHING_HELD, request);
  const held = { ...NOTHING_HELD, authority };
  clock.advance(3600 * DAY_MS);
  const late = planCertificate(components, held, request);
  assert.equal(late.certificate.validTo, authority.certificate.validTo);
  clock.advance(51 * DAY_MS);
  assert.throws(
    () => planCertificate(components, held, request),
    (error) => error instanceof Dns4torError && error.code === 'ERR_CERTIFICATE_AUTHORITY',
  );
});
