import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { type AuthoritativeServer, startAuthoritativeServer } from '../fixtures/dns/authoritative-server.ts';
import { forwardTo } from '../fixtures/dns/doh-behaviours.ts';
import { type DohServer, type DohServerOptions, startDohServer } from '../fixtures/dns/doh-server.ts';
import { type RecordingDohServer, startRecordingDohServer } from '../fixtures/dns/recording-doh-server.ts';
import { cleanEnvironment, type Daemon, startDaemon } from '../fixtures/process/daemon.ts';
import type { TemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { type ClientAuthKey, createClientAuthKey } from '../fixtures/tor/client-auth-key.ts';
import { createOnionKey } from '../fixtures/tor/onion-key.ts';
import { startTorNetwork, type TorNetwork } from '../fixtures/tor/tor-network.ts';

/** A name in the lab zone that the exits resolve to 127.0.0.1. */
export const RESOLVER_NAME = 'ns.dns4tor-lab.net';

/** A full path for queries from real programs: a Tor network, an onion service, a DoH resolver and an authority. */
export interface Laboratory extends AsyncDisposable {
  readonly authority: AuthoritativeServer;
  readonly doh: DohServer;
  /** On the onion's port 8443: records each request and forwards it to the authoritative server. */
  readonly recording: RecordingDohServer;
  readonly network: TorNetwork;
  /** The resolver's onion URL. The onion also has DNS over TLS on port 853 and plain DNS on port 53. */
  readonly url: string;
  /** PEM file of the certificate authority. */
  readonly caPath: string;
  /** The pin of the resolver's key. */
  readonly pin: string;
  /** The same resolver at an onion with client authorization. */
  readonly privateOnion: PrivateOnion;
  /** Starts dns4tor with the laboratory's upstream and client tor. The arguments override both. */
  startDaemon(...args: readonly string[]): Promise<Daemon>;
  /** Starts dns4tor with its own tor, whose data are in the directory. */
  startManagedDaemon(state: TemporaryDirectory, ...args: readonly string[]): Promise<Daemon>;
}

export interface PrivateOnion {
  /** 56 characters and `.onion`. */
  readonly address: string;
  readonly url: string;
  /** The authorized key. */
  readonly clientKey: ClientAuthKey;
}

/** @param options of the DoH resolver */
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
