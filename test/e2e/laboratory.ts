import { type AuthoritativeServer, startAuthoritativeServer } from '../fixtures/authoritative-server.ts';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { type ClientAuthKey, createClientAuthKey } from '../fixtures/client-auth-key.ts';
import { cleanEnvironment, type Daemon, startDaemon } from '../fixtures/daemon.ts';
import { type DohServer, type DohServerOptions, startDohServer } from '../fixtures/doh-server.ts';
import { forwardTo } from '../fixtures/doh-behaviours.ts';
import { createOnionKey } from '../fixtures/onion-key.ts';
import { type RecordingDohServer, startRecordingDohServer } from '../fixtures/recording-doh-server.ts';
import type { TemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { startTorNetwork, type TorNetwork } from '../fixtures/tor-network.ts';

/** A name of 127.0.0.1 in the laboratory's zone, which the network's exits look up. */
export const RESOLVER_NAME = 'ns.dns4tor-lab.net';

/** Everything that a query travels through, of real parts: a Tor network, an onion service, a DoH resolver, an authoritative server. */
export interface Laboratory extends AsyncDisposable {
  readonly authority: AuthoritativeServer;
  readonly doh: DohServer;
  /** On the onion's port 8443: shows each request as it comes in, and answers what the authoritative server says. */
  readonly recording: RecordingDohServer;
  readonly network: TorNetwork;
  /** The resolver's onion URL. It takes DNS over TLS on the onion's port 853 and plain DNS on 53 as well. */
  readonly url: string;
  /** PEM file of the authority that signed the resolver's certificate. */
  readonly caPath: string;
  /** The pin of the resolver's key. */
  readonly pin: string;
  /** The same resolver at an onion that asks for client authorisation. */
  readonly privateOnion: PrivateOnion;
  /** dns4tor with this laboratory's upstream, through its client tor. Further flags win. */
  startDaemon(...args: readonly string[]): Promise<Daemon>;
  /** The same with a tor of its own, whose data are in the directory. */
  startManagedDaemon(state: TemporaryDirectory, ...args: readonly string[]): Promise<Daemon>;
}

export interface PrivateOnion {
  /** 56 characters and `.onion`. */
  readonly address: string;
  readonly url: string;
  /** With which it may be looked up. */
  readonly clientKey: ClientAuthKey;
}

/** @param options for the resolver */
export async function startLaboratory(options: Pick<DohServerOptions, 'originalTtls'> = {}): Promise<Laboratory> {
  await using resources = new AsyncDisposableStack();
  const onionKey = createOnionKey();
  const ca = resources.use(await createCertificateAuthority());
  const [privateKey, clientKey] = [createOnionKey(), createClientAuthKey()];
  const certificate = await ca.issue([onionKey.address, privateKey.address, RESOLVER_NAME, '127.0.0.1']);
  const authority = resources.use(await startAuthoritativeServer());
  const doh = resources.use(await startDohServer({ authority, certificate, ...options }));
  const recording = resources.use(await startRecordingDohServer(certificate, forwardTo(authority)));
  const { host } = doh;
  const network = resources.use(
    await startTorNetwork({
      onionTarget: doh,
      moreOnionTargets: {
        53: { host, port: doh.plainPort },
        853: { host, port: doh.tlsPort },
        8443: recording,
      },
      onionKey,
      moreOnions: [{ key: privateKey, clients: [clientKey] }],
      exitResolver: authority,
    }),
  );
  const url = `https://${network.onion}${doh.path}`;
  const upstream = ['--upstream', url, '--upstream-ca', ca.certificatePath];
  const clientTorrc = network.clientTorrc.flatMap((line) => ['--tor-option', line]);
  const withUpstream = (args: readonly string[]): readonly string[] => [
    ...(args.includes('--upstream') ? [] : upstream),
    ...args,
  ];
  const running = resources.move();
  return {
    authority,
    doh,
    recording,
    network,
    url,
    caPath: ca.certificatePath,
    pin: certificate.pin,
    privateOnion: { address: privateKey.address, url: `https://${privateKey.address}${doh.path}`, clientKey },
    startDaemon: (...args) =>
      startDaemon([
        ...(args.includes('--tor-socks') ? [] : ['--tor-socks', `unix:${network.client.socksPath}`]),
        ...withUpstream(args),
      ]),
    startManagedDaemon: (state, ...args) =>
      startDaemon(['--tor-socks', 'managed', ...clientTorrc, ...withUpstream(args)], {
        env: { ...cleanEnvironment(), STATE_DIRECTORY: state.path },
      }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
