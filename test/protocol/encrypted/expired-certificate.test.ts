import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { issueAuthority, issueServerCertificate } from '../../../src/certificate/issue-certificates.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import type { StatusSnapshot } from '../../../src/status/snapshot.ts';
import { runCli } from '../../cli/run-cli.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { startLab } from '../lab.ts';
import { encryptedPorts } from './encrypted-lab.ts';

const NAMES = ['dns.example'];
const DAY_MS = 86_400_000;

/** Writes a certificate and its key. Returns the flags that name them. */
async function certificateFlags(directory: string, untilEpochMs: number): Promise<readonly string[]> {
  const [authorityKey, serverKey] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  assert.ok(authorityKey !== undefined && serverKey !== undefined);
  const validity = { names: NAMES, fromEpochMs: untilEpochMs - 90 * DAY_MS, untilEpochMs };
  const authority = issueAuthority(systemRandom, authorityKey, validity);
  const certificate = issueServerCertificate(systemRandom, authority, { ...validity, serverKey });
  const [certificatePath, keyPath] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  await writeFile(certificatePath, certificate.toString());
  await writeFile(keyPath, serverKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return ['--tls-cert', certificatePath, '--tls-key', keyPath];
}

test('an expired certificate is no reason not to start, but log, status and check say so with a remedy', async () => {
  await using directory = await createTemporaryDirectory();
  const tls = await certificateFlags(directory.path, Date.now() - DAY_MS);
  const listen = ['--dot-address', '127.0.0.1', '--dot-port'];
  assert.equal((await runCli(['proxy-dns', '--check', ...listen, '0', ...tls])).code, 0);

  await using lab = await startLab('--output', 'json', ...listen, '0', ...tls);
  await lab.daemon.answers();
  assert.ok(lab.daemon.process.output.includes('"certificate_expired"'));
  assert.equal((await lab.ask('udp', { name: 'any.example' })).rcode, 'NOERROR');
  const { body } = await lab.daemon.page('/api/status');
  const { state, reason, remedy }: StatusSnapshot = JSON.parse(body);
  assert.deepEqual([state, reason], ['degraded', 'certificate_expired']);
  assert.notEqual(remedy, null);

  const { dot } = encryptedPorts(lab.daemon.process.output);
  const flags = [...listen, String(dot), ...tls, '--port', String(lab.daemon.port), '--tor-socks', 'unix:/nonexistent'];
  const { stdout } = await runCli(['check', '--json', '--tor-control', 'none', ...flags]);
  const { checks }: { checks: { id: string; status: string; advice?: string }[] } = JSON.parse(stdout);
  for (const id of ['tls-cert', 'dot']) {
    const found = checks.find((check) => check.id === id);
    assert.equal(found?.status, 'fail', id);
    assert.notEqual(found.advice, undefined, id);
  }
});

test('a certificate that expires soon is warned of at the start, and degrades nothing', async () => {
  await using directory = await createTemporaryDirectory();
  const tls = await certificateFlags(directory.path, Date.now() + 10 * DAY_MS);
  await using lab = await startLab('--output', 'json', '--doh-address', '127.0.0.1', '--doh-port', '0', ...tls);
  await lab.daemon.answers();
  assert.ok(lab.daemon.process.output.includes('"certificate_expiring"'));
  const { body } = await lab.daemon.page('/api/status');
  const { state }: StatusSnapshot = JSON.parse(body);
  assert.equal(state, 'working');
});
