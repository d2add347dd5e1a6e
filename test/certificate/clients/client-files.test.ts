import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientAddresses, type Listeners } from '../../../src/certificate/clients/client-addresses.ts';
import { clientFiles } from '../../../src/certificate/clients/client-files.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { made } from '../made.ts';

const NAMES = ['192.168.1.2', 'dns.home.arpa', 'fd00::1', 'localhost', '127.0.0.1'];
const LISTENERS: Listeners = { dohPort: 443, dohPath: '/dns-query', dotPort: 853 };

interface Profile {
  readonly PayloadType: string;
  readonly PayloadIdentifier: string;
  readonly PayloadUUID: string;
  readonly PayloadContent: readonly Payload[];
}

interface Payload {
  readonly PayloadType: string;
  readonly PayloadIdentifier: string;
  readonly PayloadUUID: string;
  /** Hexadecimal. */
  readonly PayloadContent?: string;
  readonly DNSSettings?: Readonly<Record<string, unknown>>;
}

const TO_JSON = `
import json, plistlib, sys
print(json.dumps(plistlib.loads(sys.stdin.buffer.read()), default=lambda data: data.hex()))
`;

/** Parses a property list as XML, with Python's parser. */
async function parseProfile(text: string | undefined): Promise<Profile> {
  return JSON.parse(await runProgram('python3', ['-c', TO_JSON], { input: text ?? '' })) as Profile;
}

function textsFor(names: readonly string[], listeners: Partial<Listeners> = {}) {
  const { authority } = made(names);
  const addresses = clientAddresses(names, { ...LISTENERS, ...listeners });
  return { ca: authority.certificate, texts: textsOf(addresses, authority.certificate) };
}

function textsOf(...[addresses, authority]: [ReturnType<typeof clientAddresses>, Parameters<typeof clientFiles>[1]]) {
  return new Map(clientFiles(addresses, authority, '/etc/dns4tor/tls').map(({ name, text }) => [name, text]));
}

test('policies set Firefox and Chromium to the server, without a fallback', () => {
  const { ca, texts } = textsFor(NAMES, { dohPort: 8443, dohPath: '/dns' });
  assert.deepEqual(JSON.parse(texts.get('policies.json') ?? ''), {
    policies: {
      Certificates: { Install: ['/etc/dns4tor/tls/ca.pem'] },
      DNSOverHTTPS: { Enabled: true, ProviderURL: 'https://192.168.1.2:8443/dns', Fallback: false, Locked: true },
      CaptivePortal: false,
      Preferences: {
        'network.connectivity-service.enabled': { Value: false, Status: 'locked' },
        'network.trr.allow-rfc1918': { Value: true, Status: 'locked' },
      },
    },
  });
  assert.deepEqual(JSON.parse(texts.get('chromium.json') ?? ''), {
    DnsOverHttpsMode: 'secure',
    DnsOverHttpsTemplates: 'https://192.168.1.2:8443/dns',
    AlternateErrorPagesEnabled: false,
    CACertificates: [ca.raw.toString('base64')],
  });
});

for (const [names, url] of [
  [['fd00::1', 'localhost'], 'https://[fd00::1]/dns-query'],
  [['dns.home.arpa', '192.168.1.2'], 'https://dns.home.arpa/dns-query'],
] as const) {
  test(`clients use the first name: ${url}`, () => {
    assert.equal(clientAddresses(names, LISTENERS).url, url);
  });
}

test('the profiles for Apple hold the authority and the server', async () => {
  const { ca, texts } = textsFor(NAMES);
  for (const [name, settings] of [
    ['dns4tor-https.mobileconfig', { DNSProtocol: 'HTTPS', ServerURL: 'https://192.168.1.2/dns-query' }],
    ['dns4tor-tls.mobileconfig', { DNSProtocol: 'TLS', ServerName: 'dns.home.arpa' }],
  ] as const) {
    const { PayloadType, PayloadContent } = await parseProfile(texts.get(name));
    assert.equal(PayloadType, 'Configuration');
    const [root, dns] = PayloadContent;
    assert.equal(root?.PayloadType, 'com.apple.security.root');
    assert.equal(root.PayloadContent, ca.raw.toString('hex'));
    assert.equal(dns?.PayloadType, 'com.apple.dnsSettings.managed');
    assert.deepEqual(dns.DNSSettings, { ...settings, ServerAddresses: ['192.168.1.2', 'fd00::1'] });
  }
});

test('a profile is identified by the server, and its UUIDs by the authority', async () => {
  const [first, second] = [made(NAMES).authority.certificate, made(NAMES).authority.certificate];
  const addresses = clientAddresses(NAMES, LISTENERS);
  const profile = async (authority: typeof first, name = 'dns4tor-https.mobileconfig'): Promise<Profile> =>
    parseProfile(textsOf(addresses, authority).get(name));
  const [a, same, b, tls] = [
    await profile(first),
    await profile(first),
    await profile(second),
    await profile(first, 'dns4tor-tls.mobileconfig'),
  ];
  assert.deepEqual(same, a);
  assert.equal(b.PayloadIdentifier, a.PayloadIdentifier);
  assert.notEqual(b.PayloadUUID, a.PayloadUUID);
  assert.notEqual(tls.PayloadIdentifier, a.PayloadIdentifier);
  const uuids = [a, tls].flatMap((one) => [one, ...one.PayloadContent].map(({ PayloadUUID }) => PayloadUUID));
  assert.equal(new Set(uuids).size, 6);
  for (const uuid of uuids) assert.match(uuid, /^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/);
});

for (const [what, names, listeners, expected] of [
  ['neither profile is made for a server that only its own machine reaches', ['localhost'], {}, [false, false]],
  ['DoT with an address only has no profile', ['192.168.1.2', 'localhost'], {}, [true, false]],
  ['DoT at another port has no profile', NAMES, { dotPort: 8853 }, [true, false]],
] as const) {
  test(what, () => {
    const { texts } = textsFor(names, listeners);
    const isMade = ['dns4tor-https.mobileconfig', 'dns4tor-tls.mobileconfig'].map(
      (name) => texts.get(name) !== undefined,
    );
    assert.deepEqual(isMade, expected);
  });
}

test('characters with a meaning in XML are escaped', async () => {
  const names = ['192.168.1.2', 'dns.home.arpa'];
  const { texts } = textsFor(names, { dohPath: '/a&b<c>' });
  const { PayloadContent } = await parseProfile(texts.get('dns4tor-https.mobileconfig'));
  assert.equal(PayloadContent[1]?.DNSSettings?.['ServerURL'], 'https://192.168.1.2/a&b<c>');
});
