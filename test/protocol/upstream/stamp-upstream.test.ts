import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { startRecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { opensslTbsHash } from '../../fixtures/openssl-tbs-hash.ts';
import { startDaemon } from '../../fixtures/process/daemon.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { GOOD } from '../upstream-messages.ts';

/** The DNS stamp of a DoH server at `/dns-query`, with an address that must not be dialled. */
function stampOf(host: string, hash: string): string {
  const sized = (item: Uint8Array): Buffer => Buffer.concat([Buffer.from([item.length]), item]);
  const fields = ['192.0.2.7', Buffer.from(hash, 'hex'), host, '/dns-query'].map((one) => sized(Buffer.from(one)));
  return `sdns://${Buffer.concat([Buffer.from([2]), Buffer.alloc(8), ...fields]).toString('base64url')}`;
}

test('a stamp reaches its resolver by name, and a chain without its hash is refused', async () => {
  const host = createOnionKey().address;
  await using ca = await createCertificateAuthority();
  await using upstream = await startRecordingDohServer(await ca.issue([host]), GOOD);
  await using socks = await startSocksDouble({ target: upstream });
  assert.equal(socks.address.kind, 'tcp');
  const flags = (hash: string): readonly string[] => {
    const where = socks.address.kind === 'tcp' ? `${socks.address.host}:${socks.address.port}` : '';
    return ['--upstream', stampOf(host, hash), '--upstream-ca', ca.certificatePath, '--tor-socks', where];
  };
  {
    await using daemon = await startDaemon(flags(await opensslTbsHash(ca.certificatePath)));
    await daemon.answers();
    await daemon.logs(`url=https://${host}/dns-query`);
  }
  assert.ok(upstream.requests.length > 0);
  assert.deepEqual([...new Set(socks.requests.map((request) => request.host))], [host]);
  const before = upstream.requests.length;
  await using daemon = await startDaemon(flags('0'.repeat(64)));
  await daemon.logs('code=ERR_TLS_STAMP');
  assert.equal(upstream.requests.length, before, 'no query was sent');
});
