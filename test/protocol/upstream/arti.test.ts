import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from '../../cli/run-cli.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { startRecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { startDaemon } from '../../fixtures/process/daemon.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { GOOD } from '../upstream-messages.ts';

interface Report {
  readonly checks: readonly { readonly id: string; readonly status: string }[];
}

test('dns4tor answers through arti on isolated circuits, reports once that it is arti, and check does too', async () => {
  const onion = createOnionKey().address;
  await using ca = await createCertificateAuthority();
  await using resolver = await startRecordingDohServer(await ca.issue([onion]), GOOD);
  await using arti = await startSocksDouble({ arti: 'resolves', target: resolver });
  assert.ok(arti.address.kind === 'tcp');
  const flags = ['--upstream', `https://${onion}/dns-query`, '--upstream-ca', ca.certificatePath];
  flags.push('--tor-socks', `127.0.0.1:${arti.address.port}`);
  await using daemon = await startDaemon([...flags, '--circuits', '2', '--output', 'json']);
  await daemon.logs('"event":"tor_arti"');
  await daemon.answers();
  const users = arti.requests.map(({ username, password }) => `${username}:${password}`);
  assert.ok(users.length >= 2, String(users.length));
  assert.equal(new Set(users).size, users.length);

  const { stdout } = await runCli(['check', '--json', ...flags, '--port', '0']);
  const { checks } = JSON.parse(stdout) as Report;
  const statuses = new Map(checks.map(({ id, status }) => [id, status]));
  assert.deepEqual(
    ['tor', 'bootstrap', 'reach', 'answer'].map((id) => statuses.get(id)),
    ['ok', 'skip', 'ok', 'ok'],
  );
  assert.equal(daemon.process.output.split('"event":"tor_arti"').length, 2);
});
