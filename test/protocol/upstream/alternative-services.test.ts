import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from '../../../src/log/logger.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { startRecordingDohServer } from '../../fixtures/dns/recording-doh-server.ts';
import { type Daemon, startDaemon } from '../../fixtures/process/daemon.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';
import { startSocksDouble } from '../../tor/socks-double.ts';
import { answerTo } from '../../upstream/rig.ts';

const NAME = 'resolver.test';

/**
 * Starts dns4tor with a resolver at a host name that offers an onion in each answer. Resolves after the first answer.
 */
async function startBeforeOffer(...args: readonly string[]): Promise<AsyncDisposable & { readonly daemon: Daemon }> {
  await using stack = new AsyncDisposableStack();
  const authority = stack.use(await createCertificateAuthority());
  const offer = `h2="${createOnionKey().address}:443"`;
  const resolver = stack.use(
    await startRecordingDohServer(await authority.issue([NAME]), ({ query }) => ({
      body: answerTo(query),
      headers: { 'alt-svc': offer },
    })),
  );
  const socks = stack.use(await startSocksDouble({ target: resolver }));
  if (socks.address.kind !== 'tcp') throw new Error('the SOCKS double listens on no port');
  const upstream = ['--upstream', `https://${NAME}/dns-query`, '--upstream-ca', authority.certificatePath];
  const daemon = stack.use(
    await startDaemon([...upstream, '--tor-socks', `${socks.address.host}:${socks.address.port}`, ...args]),
  );
  await daemon.answers();
  const owned = stack.move();
  return { daemon, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function alternativesOf(daemon: Daemon): Promise<string | undefined> {
  const { body } = await daemon.page('/metrics');
  return /^dns4tor_upstream_alternatives\{upstream="resolver\.test:443"\} (\d+)$/m.exec(body)?.[1];
}

test('alternative services of a resolver at a host name are logged and counted', async () => {
  await using running = await startBeforeOffer();
  await running.daemon.logs(messageOf('onions_offered', {}));
  assert.equal(await alternativesOf(running.daemon), '1');
});

test('with --alt-svc=false, they are ignored', async () => {
  await using running = await startBeforeOffer('--alt-svc=false');
  assert.equal(await alternativesOf(running.daemon), '0');
  assert.ok(!running.daemon.process.output.includes(messageOf('onions_offered', {})));
});
