import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runCli } from '../../cli/run-cli.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../../fixtures/certificates.ts';
import { type RecordingDohServer, startRecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { type Daemon, startDaemon } from '../../fixtures/process/daemon.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { OTHER_USER } from '../../fixtures/process/other-user.ts';
import { type SocksOfUser, startSocksOfUser } from '../../fixtures/tor/socks-of-user.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { GOOD } from '../upstream-messages.ts';

/*
 * A program that listens on Tor's former port and presents a trusted certificate for a public name of the default
 * resolver.
 */

const OWN_USER = 0;
/** Far above the expected time; only a failing test reaches it. */
const PATIENCE_MS = 10_000;

let ca: CertificateAuthority;
let resolver: RecordingDohServer;
before(async () => {
  ca = await createCertificateAuthority();
  resolver = await startRecordingDohServer(await ca.issue(['cloudflare-dns.com']), GOOD);
});
after(async () => {
  await resolver[Symbol.asyncDispose]();
  await ca[Symbol.asyncDispose]();
});

function startThrough({ port }: SocksOfUser, ...args: readonly string[]): Promise<Daemon> {
  return startDaemon(['--tor-socks', `127.0.0.1:${port}`, '--upstream-ca', ca.certificatePath, ...args]);
}

test("another user's program receives nothing and no answer of it is used; the log has a remedy", async () => {
  await using program = await startSocksOfUser(OTHER_USER, resolver.port);
  await using daemon = await startThrough(program);
  await daemon.logs('code=ERR_TOR_FOREIGN');
  assert.equal(resolver.requests.length, 0);
  assert.doesNotMatch(program.process.output, /asked for/);
  await waitUntil('the status has the reason', PATIENCE_MS, async () => {
    const { reason } = JSON.parse((await daemon.page('/api/status')).body) as { readonly reason: string | null };
    return reason === 'tor_foreign';
  });
  const { code, stdout } = await askDirectly(program);
  assert.equal(code, 1);
  assert.match(stdout, /SERVFAIL/);
  const checked = await runCli([
    'check',
    '--json',
    '--tor-socks',
    `127.0.0.1:${program.port}`,
    '--upstream-ca',
    ca.certificatePath,
  ]);
  assert.equal(statusOf(checked.stdout, 'tor'), 'fail');
  assert.equal(statusOf(checked.stdout, 'reach'), 'skip');
  assert.doesNotMatch(program.process.output, /asked for/);
});

test('a program of dns4tor’s own user is trusted like Tor', async () => {
  await using program = await startSocksOfUser(OWN_USER, resolver.port);
  await using daemon = await startThrough(program);
  await daemon.answers();
  assert.doesNotMatch(daemon.process.output, /tor_unproven|Cannot tell whether/);
  assert.equal((await askDirectly(program)).code, 0);
});

test('if the program’s owner is unknown, dns4tor warns and the certificate must name the onion itself', async () => {
  await using program = await startSocksOfUser(OTHER_USER, resolver.port);
  const known = resolver.requests.length;
  // In this user namespace all other users share one id.
  const via = [await findProgram('unshare'), '--user', '--map-root-user'] as const;
  await using daemon = await startDaemon(
    ['--tor-socks', `127.0.0.1:${program.port}`, '--upstream-ca', ca.certificatePath],
    { via },
  );
  await daemon.logs('code=ERR_TLS_NAME');
  await daemon.logs('Cannot tell whether');
  assert.equal(resolver.requests.length, known);

  await using named = await startDaemon(
    [
      '--tor-socks',
      `127.0.0.1:${program.port}`,
      '--upstream-ca',
      ca.certificatePath,
      '--upstream-name',
      'cloudflare-dns.com',
    ],
    { via },
  );
  await named.answers();
});

function askDirectly({ port }: SocksOfUser): ReturnType<typeof runCli> {
  const way = ['--tor-socks', `127.0.0.1:${port}`, '--upstream-ca', ca.certificatePath];
  return runCli(['query', '--direct', 'example.com', ...way]);
}

function statusOf(json: string, id: string): string | undefined {
  const { checks } = JSON.parse(json) as { checks: readonly { readonly id: string; readonly status: string }[] };
  return checks.find((check) => check.id === id)?.status;
}
