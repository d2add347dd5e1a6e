import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { Designation } from '../../../src/daemon/listening/designation.ts';
import { MS_PER_SECOND } from '../../../src/lib/units.ts';
import type { ListenerInit } from '../../../src/listener/listener.ts';
import { ServerIdentity } from '../../../src/listener/tls/server-identity.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

const authority = await createCertificateAuthority();
after(() => authority[Symbol.asyncDispose]());

const PATH = '/dns-query';
const ADDRESS = '192.168.1.2';
const OTHER = '10.0.0.2';
const NAMES = ['*.example.net', 'localhost', 'DNS.example.net', 'second.example.net', ADDRESS, 'fd00::2'];

interface Listening {
  readonly names?: readonly string[];
  readonly dot?: readonly ListenerInit[];
  readonly doh?: readonly ListenerInit[];
  readonly path?: string;
}

async function identityFor(names: readonly string[]): Promise<ServerIdentity> {
  const { certificatePath, keyPath } = await authority.issue(names);
  const [certificate, key] = await Promise.all([readFile(certificatePath, 'utf8'), readFile(keyPath)]);
  return new ServerIdentity({ certificate, key: createPrivateKey(key) }, new ManualClock());
}

async function create({
  names = NAMES,
  dot = [{ address: ADDRESS, port: 853 }],
  doh = [{ address: ADDRESS, port: 443 }],
  path = PATH,
}: Listening = {}): Promise<{ designation: Designation; clock: ManualClock; identity: ServerIdentity }> {
  const identity = await identityFor(names);
  // In the middle of the certificate's lifetime.
  const { validFromDate, validToDate } = identity.certificate;
  const clock = new ManualClock((validFromDate.getTime() + validToDate.getTime()) / 2);
  const designation = new Designation(clock, path);
  designation.served = { dot: () => dot, doh: () => doh, identity };
  return { designation, clock, identity };
}

test('the listeners of an address are designated by the first host name that is neither a wildcard nor reserved', async () => {
  const { designation } = await create();
  const doh = { port: 443, path: PATH };
  assert.deepEqual(designation.at(ADDRESS), { name: 'dns.example.net', address: ADDRESS, dotPort: 853, doh });
});

test('a protocol is designated only at the addresses where it is served', async () => {
  const { designation } = await create({ doh: [{ address: 'fd00::2', port: 443 }] });
  assert.deepEqual(designation.at(ADDRESS), {
    name: 'dns.example.net',
    address: ADDRESS,
    dotPort: 853,
    doh: undefined,
  });
  assert.equal(designation.at('fd00::2')?.dotPort, undefined);
  assert.equal(designation.at('fd00::2')?.doh?.port, 443);
  const { designation: none } = await create({ dot: [], doh: [] });
  assert.equal(none.at(ADDRESS), undefined);
});

test('RFC 9462 §4.2: an address that the certificate lacks has no designated resolver', async () => {
  const { designation } = await create({ dot: [ADDRESS, OTHER].map((address) => ({ address, port: 853 })) });
  assert.equal(designation.at(OTHER), undefined);
  assert.notEqual(designation.at(ADDRESS), undefined);
});

test('a certificate without a suitable host name designates nothing', async () => {
  for (const names of [[ADDRESS], [ADDRESS, '*.example.net'], [ADDRESS, 'localhost', 'nas.localhost', 'a.onion']]) {
    const { designation } = await create({ names });
    assert.equal(designation.at(ADDRESS), undefined, names.join());
  }
});

test('a certificate designates from the first second of its validity to the last', async () => {
  const { designation, clock, identity } = await create();
  const { validFromDate, validToDate } = identity.certificate;
  const at = (time: number): boolean => {
    clock.setWallClock(time - clock.epochMs());
    return designation.at(ADDRESS) !== undefined;
  };
  assert.equal(at(validFromDate.getTime() - MS_PER_SECOND), false);
  assert.equal(at(validFromDate.getTime()), true);
  assert.equal(at(validToDate.getTime()), true);
  assert.equal(at(validToDate.getTime() + MS_PER_SECOND), false);
});

test('a certificate that replaces another is used from then on', async () => {
  const { designation, identity } = await create();
  const { certificatePath, keyPath } = await authority.issue(['new.example.net', ADDRESS]);
  const [certificate, key] = await Promise.all([readFile(certificatePath, 'utf8'), readFile(keyPath)]);
  identity.replace({ certificate, key: createPrivateKey(key) });
  assert.equal(designation.at(ADDRESS)?.name, 'new.example.net');
});

test('listeners that come and go are followed', async () => {
  const dot: ListenerInit[] = [];
  const { designation } = await create({ dot, doh: [] });
  assert.equal(designation.at(ADDRESS), undefined);
  dot.push({ address: ADDRESS, port: 853 });
  assert.equal(designation.at(ADDRESS)?.dotPort, 853);
});

test('nothing is designated before the listeners are open, nor without a certificate', async () => {
  const designation = new Designation(new ManualClock(), PATH);
  assert.equal(designation.at(ADDRESS), undefined);
  designation.served = { dot: () => [], doh: () => [], identity: undefined };
  assert.equal(designation.at(ADDRESS), undefined);
});

test('a link-local address with its interface, and what is not an address, are no error', async () => {
  const { designation } = await create({ dot: [{ address: 'fe80::1%eth0', port: 853 }] });
  for (const address of ['fe80::1%eth0', 'dns.example.net', '']) assert.equal(designation.at(address), undefined);
});

test('RFC 6570 §2.1: a path that a URI Template cannot hold is not designated', async () => {
  const { designation } = await create({ path: "/dns'query" });
  assert.equal(designation.at(ADDRESS)?.doh, undefined);
  assert.equal(designation.at(ADDRESS)?.dotPort, 853);
});
