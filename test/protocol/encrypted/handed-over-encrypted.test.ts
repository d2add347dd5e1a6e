import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { messageOf } from '../../../src/log/logger.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { kdig } from '../../fixtures/dns/kdig.ts';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import type { Daemon } from '../../fixtures/process/daemon.ts';
import type { SocketSpec } from '../../fixtures/process/hand-over.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { LOCALHOST, METRICS, refusalOf, startHandedOver } from '../handed-over.ts';
import { readReply } from '../reply.ts';

/*
 * Sockets for DoT and DoH that dns4tor inherits, as with systemd's socket activation (sd_listen_fds(3)).
 */

const ADDRESSES = ['127.0.0.1', '::1'];
const DOT: readonly SocketSpec[] = ['dot=tcp=127.0.0.1', 'dot=tcp=::1'];
const DOH: readonly SocketSpec[] = ['doh=tcp=127.0.0.1', 'doh=tcp=::1'];

const authority = await createCertificateAuthority();
after(() => authority[Symbol.asyncDispose]());
const { certificatePath, keyPath } = await authority.issue(['dns.example.net', ...ADDRESSES]);
const TLS = ['--tls-cert', certificatePath, '--tls-key', keyPath];

/** The port that the log gives to the listeners of a scheme, which is the same for all addresses. */
function portOf({ process }: Daemon, scheme: string): string {
  return new RegExp(`\\baddress=${scheme}://127\\.0\\.0\\.1:(\\d+)`).exec(process.output)?.[1] ?? '';
}

async function assertServed(daemon: Daemon): Promise<void> {
  const trust = `+tls-ca=${authority.certificatePath}`;
  for (const [scheme, ...args] of [
    ['tls', '+tls'],
    ['https', '+https=/dns-query', '+https-get'],
  ]) {
    for (const address of ADDRESSES) {
      const name = `${scheme}-${address.replaceAll(':', '-')}.dns4tor-lab.net`;
      const at = [`@${address}`, '-p', portOf(daemon, scheme ?? '')];
      const { status, answer } = await kdig(...at, ...args, trust, `+tls-hostname=${address}`, name);
      assert.deepEqual([status, answer.length], ['NOERROR', 1], name);
    }
  }
}

test('DoT and DoH are served on inherited sockets of both families', async () => {
  await using running = await startHandedOver([...LOCALHOST, METRICS, ...DOT, ...DOH], {}, TLS);
  await assertServed(running.daemon);
});

test('they are served with no network except the sockets, and permission only for unix sockets', async () => {
  await using running = await startHandedOver([...LOCALHOST, METRICS, ...DOT, ...DOH], { confined: true }, TLS);
  await assertServed(running.daemon);
});

test('DoH without TLS is served to a reverse proxy on an inherited unix socket, by HTTP/1.1 and HTTP/2', async () => {
  await using directory = await createTemporaryDirectory();
  const path = join(directory.path, 'doh');
  await using running = await startHandedOver([...LOCALHOST, METRICS, `doh-plain=unix=${path}`], { confined: true });
  assert.ok(running.daemon.process.output.includes(messageOf('listening_encrypted', {})));
  const query = Buffer.from(buildQuery({ id: 0, name: 'proxied.dns4tor-lab.net' }));
  const url = `http://dns.example.net/dns-query?dns=${query.toString('base64url')}`;
  for (const version of ['--http1.1', '--http2-prior-knowledge']) {
    const args = ['--silent', '--fail', '--unix-socket', path, version, '--output', join(directory.path, 'reply'), url];
    await runProgram('curl', args);
    const reply = readReply(await readFile(join(directory.path, 'reply')));
    assert.deepEqual([reply.rcode, reply.answers.length], ['NOERROR', 1], version);
  }
});

test('the designated resolvers (RFC 9462) are those of the inherited sockets', async () => {
  await using running = await startHandedOver([...LOCALHOST, METRICS, ...DOT], { confined: true }, TLS);
  const { daemon } = running;
  for (const address of ADDRESSES) {
    const { answer } = await kdig(`@${address}`, '-p', String(daemon.port), '_dns.resolver.arpa', 'SVCB');
    const hint = address === '::1' ? 'ipv6hint' : 'ipv4hint';
    assert.deepEqual(
      answer.map(({ data }) => data),
      [`1 dns.example.net. alpn=dot port=${portOf(daemon, 'tls')} ${hint}=${address}`],
    );
  }
});

test('--dot-address and --doh-address are not bound with inherited sockets', async () => {
  // An address that no machine has: binding it would be an error.
  const args = ['--dot-address', '192.0.2.1', '--doh-address', '192.0.2.1', '--allow', '192.0.2.0/24', ...TLS];
  await using running = await startHandedOver([...LOCALHOST, METRICS, ...DOT, ...DOH], {}, args);
  await assertServed(running.daemon);
});

test('an inherited socket of another kind is an error that names it and its purpose', async () => {
  await using directory = await createTemporaryDirectory();
  for (const name of ['dot', 'doh'] as const) {
    for (const kind of ['udp=127.0.0.1', 'connected=127.0.0.1', `unix=${join(directory.path, 'socket')}`] as const) {
      const error = await refusalOf([...LOCALHOST, `${name}=${kind}` as SocketSpec], TLS);
      assert.match(error, new RegExp(`^descriptor 7 \\(${name}\\) `), kind);
    }
  }
  for (const kind of ['tcp=127.0.0.1', 'udp=127.0.0.1', 'file=/dev/null'] as const) {
    assert.match(await refusalOf([...LOCALHOST, `doh-plain=${kind}`]), /^descriptor 7 \(doh-plain\) /, kind);
  }
});

test('an inherited socket for DoT or DoH without a certificate is an error that names the options', async () => {
  for (const spec of [...DOT, ...DOH]) {
    assert.match(await refusalOf([...LOCALHOST, spec]), /^descriptor 7 .*--tls-cert.*--tls-key/, spec);
  }
});
