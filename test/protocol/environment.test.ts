import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { COMMAND, runCli } from '../cli/run-cli.ts';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { startDaemon } from '../fixtures/daemon.ts';
import { buildQuery } from '../fixtures/messages.ts';
import { createOnionKey } from '../fixtures/onion-key.ts';
import { type RecordingDohServer, startRecordingDohServer } from '../fixtures/recording-doh-server.ts';
import { startSocksDouble } from '../tor/socks-double.ts';
import { exchange } from './raw-client.ts';
import { readReply } from './reply.ts';
import { GOOD } from './upstream-messages.ts';

/*
 * What of Node and its libraries the environment can change, and what it does to dns4tor: docs/environment.md.
 */

const ONION = createOnionKey().address;
const WRONG_PIN = `sha256/${Buffer.alloc(32).toString('base64')}`;

const resources = new AsyncDisposableStack();
/** Its certificate is of an authority that nobody trusts, for another name, and of another key than the one that is pinned. */
let impostor: RecordingDohServer;
let throughImpostor: readonly string[];

before(async () => {
  const authority = resources.use(await createCertificateAuthority());
  impostor = resources.use(await startRecordingDohServer(await authority.issue(['impostor.test']), GOOD));
  const { address } = resources.use(await startSocksDouble({ target: impostor, passesForTor: true }));
  if (address.kind !== 'tcp') throw new Error('the SOCKS double listens on no port');
  throughImpostor = ['--tor-socks', `${address.host}:${address.port}`, '--upstream-pin', WRONG_PIN];
});

after(() => resources.disposeAsync());

const UNVERIFIED = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };

for (const upstream of [`https://${ONION}/dns-query`, `tls://${ONION}`]) {
  const scheme = upstream.split(':', 1).join();

  test(`${scheme}: the daemon takes no answer of an impostor under NODE_TLS_REJECT_UNAUTHORIZED=0`, async () => {
    // From the sources, so that nothing takes the variable away before Node sees it.
    const flags = ['--upstream', upstream, ...throughImpostor, '--tor-control', 'none'];
    await using daemon = await startDaemon(flags, { command: COMMAND, env: { ...process.env, ...UNVERIFIED } });
    const reply = readReply(await exchange('udp', daemon, buildQuery({ name: 'name.test.dns4tor-lab.net' })));
    assert.equal(reply.rcode, 'SERVFAIL');
    await daemon.logs('ERR_TLS_UNTRUSTED');
    assert.equal(impostor.requests.length, 0);
  });

  test(`${scheme}: query --direct and check take no answer of an impostor either`, async () => {
    const way = ['--upstream', upstream, ...throughImpostor];
    const asked = await runCli(['query', '--direct', '--json', ...way, 'name.dns4tor-lab.net'], UNVERIFIED);
    assert.equal(asked.code, 1);
    const { status } = JSON.parse(asked.stdout) as { status: string };
    assert.equal(status, 'SERVFAIL');
    const checked = await runCli(['check', '--json', ...way], UNVERIFIED);
    assert.equal(checked.code, 1);
    const { checks } = JSON.parse(checked.stdout) as { checks: readonly { id: string; status: string }[] };
    assert.equal(checks.find(({ id }) => id === 'certificate')?.status, 'fail');
    assert.equal(impostor.requests.length, 0);
  });
}
