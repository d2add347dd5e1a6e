import assert from 'node:assert/strict';
import { join } from 'node:path';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { startRecordingDohServer } from '../fixtures/dns/recording-doh-server.ts';
import { cleanEnvironment, type Daemon, dns4tor, startDaemon } from '../fixtures/process/daemon.ts';
import { type Confinement, handOver, type SocketSpec } from '../fixtures/process/hand-over.ts';
import { startProcess } from '../fixtures/process/process.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import { startSocksDouble } from '../tor/socks-double.ts';
import { GOOD } from './upstream-messages.ts';

export const LOCALHOST: readonly SocketSpec[] = [
  'dns=udp=127.0.0.1',
  'dns=tcp=127.0.0.1',
  'dns=udp=::1',
  'dns=tcp=::1',
];
export const METRICS: SocketSpec = 'metrics=tcp=127.0.0.1';

/** A dns4tor with inherited sockets, and an upstream behind a SOCKS server on a unix socket. */
export async function startHandedOver(
  specs: readonly SocketSpec[],
  confinement: Confinement = {},
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly daemon: Daemon } & AsyncDisposable> {
  await using resources = new AsyncDisposableStack();
  const onion = createOnionKey().address;
  const ca = resources.use(await createCertificateAuthority());
  const upstream = resources.use(await startRecordingDohServer(await ca.issue([onion]), GOOD));
  const directory = resources.use(await createTemporaryDirectory());
  const path = join(directory.path, 'socks');
  resources.use(await startSocksDouble({ target: upstream, path }));
  const flags = ['--upstream', `https://${onion}/dns-query`, '--upstream-ca', ca.certificatePath];
  const daemon = resources.use(
    await startDaemon([...flags, '--tor-socks', `unix:${path}`, '--tor-control', 'none', ...args], {
      env: { ...cleanEnvironment(), ...env },
      via: await handOver(specs, confinement),
    }),
  );
  await daemon.answers();
  const running = resources.move();
  return { daemon, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** The error of a dns4tor that refuses these sockets. */
export async function refusalOf(specs: readonly SocketSpec[], args: readonly string[] = []): Promise<string> {
  const [program = '', ...launcher] = await handOver(specs);
  const flags = ['--tor-socks', 'unix:/nonexistent', '--tor-control', 'none', ...args];
  const options = { env: cleanEnvironment() };
  await using running = await startProcess(program, [...launcher, ...dns4tor(), 'proxy-dns', ...flags], options);
  assert.equal(await running.ended, 1, running.output);
  return /^dns4tor: (.*)$/m.exec(running.output)?.[1] ?? running.output;
}
