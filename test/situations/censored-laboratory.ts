import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { startAuthoritativeServer } from '../fixtures/dns/authoritative-server.ts';
import { type DohServer, startDohServer } from '../fixtures/dns/doh-server.ts';
import { BRIDGE_HOST, type Internet, RELAY_HOST, startInternet } from '../fixtures/namespace/internet.ts';
import { findProgram } from '../fixtures/process/find-program.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import type { TorBridge } from '../fixtures/tor/tor-bridge.ts';
import { startTorNetwork, type TorNetwork } from '../fixtures/tor/tor-network.ts';
import { startUnixRelay } from '../fixtures/unix-relay.ts';

/** A Tor network with a bridge in a namespace of its own, which clients reach over networks that may block Tor. */
export interface CensoredLaboratory extends AsyncDisposable {
  readonly internet: Internet;
  readonly network: TorNetwork;
  readonly bridge: TorBridge;
  /** The resolver behind the onion service. */
  readonly doh: DohServer;
  /** Flags for the resolver behind the onion service. */
  readonly upstreamFlags: readonly string[];
  /** The same, with a managed tor. */
  readonly flags: readonly string[];
  /** A file for `--bridges-file`, with the obfs4 bridge. */
  readonly bridgesFile: string;
}

export async function startCensoredLaboratory(): Promise<CensoredLaboratory> {
  await using resources = new AsyncDisposableStack();
  const onionKey = createOnionKey();
  const ca = resources.use(await createCertificateAuthority());
  const authority = resources.use(await startAuthoritativeServer());
  const certificate = await ca.issue([onionKey.address]);
  const doh = resources.use(await startDohServer({ authority, certificate }));
  const onionTarget = resources.use(await startUnixRelay(doh));
  const internet = resources.use(await startInternet());
  const network = resources.use(
    await startTorNetwork({
      onionTarget,
      onionKey,
      relayHost: RELAY_HOST,
      bridge: { host: BRIDGE_HOST, obfs4proxy: await findProgram('obfs4proxy') },
      via: internet.via,
    }),
  );
  if (network.bridge === undefined) throw new Error('the network has no bridge');
  const { path: directory } = resources.use(await createTemporaryDirectory());
  const bridgesFile = join(directory, 'bridges');
  await writeFile(bridgesFile, `# The bridge of the tests.\n${network.bridge.lines.obfs4}\n`, { mode: 0o600 });
  const upstream = `https://${onionKey.address}${doh.path}`;
  const upstreamFlags = ['--upstream', upstream, '--upstream-ca', ca.certificatePath];
  const running = resources.move();
  return {
    internet,
    network,
    bridge: network.bridge,
    doh,
    upstreamFlags,
    flags: [
      ...upstreamFlags,
      '--tor-socks',
      'managed',
      ...network.clientTorrc.flatMap((line) => ['--tor-option', line]),
    ],
    bridgesFile,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
