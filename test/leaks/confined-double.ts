import { join } from 'node:path';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { type RecordingDohServer, startRecordingDohServer } from '../fixtures/dns/recording-doh-server.ts';
import type { NetworkNamespace } from '../fixtures/namespace/network-namespace.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import { GOOD } from '../protocol/upstream-messages.ts';
import { type SocksDouble, startSocksDouble } from '../tor/socks-double.ts';
import { type ConfinedDaemon, type ConfinedDaemonOptions, startConfinedDaemon } from './confined-daemon.ts';

/** A running dns4tor in a namespace. In place of Tor, a SOCKS proxy on a unix socket records its requests. */
export interface ConfinedBehindDouble extends AsyncDisposable {
  readonly daemon: ConfinedDaemon;
  readonly upstream: RecordingDohServer;
  readonly socks: SocksDouble;
  readonly socksPath: string;
  /** Host of the resolver. */
  readonly host: string;
}

/** @param host of the resolver. @default an onion */
export async function startConfinedBehindDouble(
  namespace: NetworkNamespace,
  args: readonly string[],
  options: ConfinedDaemonOptions & { readonly host?: string } = {},
): Promise<ConfinedBehindDouble> {
  await using resources = new AsyncDisposableStack();
  const { host = createOnionKey().address, ...daemonOptions } = options;
  const ca = resources.use(await createCertificateAuthority());
  const upstream = resources.use(await startRecordingDohServer(await ca.issue([host]), GOOD));
  const { path: directory } = resources.use(await createTemporaryDirectory());
  const socksPath = join(directory, 'socks');
  const socks = resources.use(await startSocksDouble({ target: upstream, path: socksPath }));
  const own = ['--upstream', `https://${host}/dns-query`, '--upstream-ca', ca.certificatePath, '--circuits', '1'];
  const daemon = resources.use(
    await startConfinedDaemon(namespace, [...own, '--tor-socks', `unix:${socksPath}`, ...args], daemonOptions),
  );
  const running = resources.move();
  return { daemon, upstream, socks, socksPath, host, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
