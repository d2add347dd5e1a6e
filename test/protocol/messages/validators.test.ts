import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { dig } from '../../fixtures/dns/dig.ts';
import { startSignedRoot } from '../../fixtures/dns/signed-root.ts';
import { dsFields, startValidatingDnsmasq, startValidatingForwarder } from '../../fixtures/dns/validating-forwarder.ts';
import { startDaemon } from '../../fixtures/process/daemon.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';

/*
 * How validators behind dns4tor, with a signed root, treat its local answers, which cannot be signed.
 */

const resources = new AsyncDisposableStack();
after(() => resources.disposeAsync());
const root = resources.use(await startSignedRoot());
const socks = resources.use(await startSocksDouble({ target: root }));
if (socks.address.kind !== 'tcp') throw new Error('the SOCKS double listens on no port');
const daemon = resources.use(
  await startDaemon([
    '--upstream',
    `tcp://${createOnionKey().address}`,
    '--tor-socks',
    `${socks.address.host}:${socks.address.port}`,
    '--circuits',
    '1',
  ]),
);
await daemon.answers();

/** Without these options, unbound would answer the names itself. */
const NO_ZONES_OF_ITS_OWN = [
  'unblock-lan-zones: yes',
  'aggressive-nsec: no',
  ...['home.arpa.', 'onion.'].map((zone) => `local-zone: "${zone}" nodefault`),
];
const unbound = resources.use(await startValidatingForwarder(daemon.port, root.trustAnchor, NO_ZONES_OF_ITS_OWN));
const dnsmasq = resources.use(await startValidatingDnsmasq(daemon.port, root.trustAnchor));
const told = [
  await startValidatingForwarder(daemon.port, root.trustAnchor, [
    ...NO_ZONES_OF_ITS_OWN,
    'domain-insecure: "lan"',
    'domain-insecure: "local"',
  ]),
  await startValidatingDnsmasq(daemon.port, root.trustAnchor, ['--local=/lan/local/', '--domain-needed']),
].map((server) => resources.use(server));

async function statusOf({ port }: { readonly port: number }, name: string, type = 'A'): Promise<string> {
  return (await dig('@127.0.0.1', '-p', String(port), name, type)).status;
}

for (const [program, server] of [
  ['unbound', unbound],
  ['dnsmasq', dnsmasq],
] as const) {
  test(`RFC 6303 §7: ${program} accepts local answers for zones that their signed parent delegates insecurely`, async () => {
    assert.equal(await statusOf(server, 'a.lab'), 'NOERROR');
    assert.equal(await statusOf(server, 'nowhere.lab'), 'NXDOMAIN');
    for (const [name, type] of [
      ['1.1.168.192.in-addr.arpa', 'PTR'],
      ['1.1.1.10.in-addr.arpa', 'PTR'],
      ['1.8.254.169.in-addr.arpa', 'PTR'],
      [`1.${'0.'.repeat(29)}d.f.ip6.arpa`, 'PTR'],
      ['nas.home.arpa', 'A'],
    ] as const) {
      assert.equal(await statusOf(server, name, type), 'NXDOMAIN', name);
    }
    assert.equal(await statusOf(server, '_dns.resolver.arpa', 'SVCB'), 'NOERROR');
    assert.notEqual(await statusOf(server, 'use-application-dns.net'), 'SERVFAIL');
  });

  test(`${program} treats a denial as bogus if the signed root denies the top-level domain itself`, async () => {
    // Only the root can prove that they do not exist, and dns4tor never sends nas.lan upstream.
    for (const name of ['nas.lan', 'printer.local', 'a.onion'])
      assert.equal(await statusOf(server, name), 'SERVFAIL', name);
  });

  test(`${program} resolves names below a top-level domain whose address record was denied`, async () => {
    assert.equal(await statusOf(server, 'com'), 'SERVFAIL');
    assert.equal(await statusOf(server, 'com', 'DS'), 'NOERROR');
    assert.equal(await statusOf(server, 'a.com'), 'NOERROR');
  });
}

test('validators with the local names configured as insecure pass the denial on', async () => {
  for (const server of told) {
    for (const name of ['nas.lan', 'printer.local']) assert.equal(await statusOf(server, name), 'NXDOMAIN', name);
  }
});

test('RFC 6303 §7: delv treats local answers as unsigned, not as bogus', async () => {
  await using directory = await createTemporaryDirectory();
  const anchors = join(directory.path, 'anchors.conf');
  const [tag, algorithm, digestType, digest] = dsFields(root.trustAnchor);
  await writeFile(anchors, `trust-anchors { . static-ds ${tag} ${algorithm} ${digestType} "${digest}"; };\n`);
  const flags = ['-4', '@127.0.0.1', '-p', String(daemon.port), '-a', anchors, '+root=.'];
  assert.match(await runProgram('delv', [...flags, 'a.lab']), /fully validated/);
  for (const name of ['1.1.168.192.in-addr.arpa', 'nas.home.arpa']) {
    assert.match(await runProgram('delv', [...flags, name, 'PTR']), /unsigned answer/, name);
  }
});
