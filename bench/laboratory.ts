import { readFile } from 'node:fs/promises';
import { setDefaultCACertificates } from 'node:tls';
import type { UpstreamConfig } from '../src/config/config.ts';
import { createUpstream } from '../src/daemon/upstreams.ts';
import type { Clock } from '../src/lib/clock.ts';
import type { Random } from '../src/lib/random.ts';
import type { Counters } from '../src/metrics/counters.ts';
import type { TorAddress } from '../src/model/tor-address.ts';
import { judgeManagedTor } from '../src/tor/socks/socks-peer.ts';
import type { Tor } from '../src/tor/tor.ts';
import type { RetryBudget } from '../src/upstream/pool/retry-budget.ts';
import type { PooledUpstream } from '../src/upstream/upstream.ts';
import { createCertificateAuthority, type ServerCertificate } from '../test/fixtures/certificates.ts';

const HOST = 'resolver.test';
const LIFETIME_MS = 600_000;

/** The default of --timeout. */
export const TIMEOUT_MS = 10_000;

/** Name of the upstream in the counters. */
export const UPSTREAM_LABEL = `${HOST}:443`;

export interface Laboratory extends AsyncDisposable {
  /** Certificate of the doubles. */
  readonly certificate: ServerCertificate;
  /** URL of the resolver. */
  readonly url: URL;
  /** Creates the upstream as the daemon does, connected through a double. */
  connect(components: LaboratoryComponents, socks: TorAddress, circuits: number): PooledUpstream;
}

export interface LaboratoryComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Counters;
  readonly budget: RetryBudget;
}

/** What all doubles and upstreams of a benchmark share. Opening it changes which authorities this process trusts. */
export async function openLaboratory(): Promise<Laboratory> {
  const ca = await createCertificateAuthority();
  const certificate = await ca.issue([HOST]);
  const config: UpstreamConfig = {
    url: `https://${HOST}/dns-query`,
    host: HOST,
    port: 443,
    protocol: 'https',
    names: [HOST],
    namesThroughTor: [],
    onlyThroughTor: false,
    ca: undefined,
    pins: [],
    chainHashes: [],
    tlsMin: '1.3',
  };
  // The option `ca` would be parsed for each circuit, with all of Node's authorities, which takes most of the time.
  setDefaultCACertificates([await readFile(ca.certificatePath, 'utf8')]);

  return {
    certificate,
    url: new URL(config.url),
    connect: (components, socks, circuits) =>
      createUpstream(
        {
          ...components,
          tor: Promise.resolve(torAt(socks)),
          events: { connected: () => {}, connectFailed: () => {} },
          signal: new AbortController().signal,
        },
        config,
        { index: 0, circuits, lifetimeMs: LIFETIME_MS },
      ),
    [Symbol.asyncDispose]: () => ca[Symbol.asyncDispose](),
  };
}

function torAt(socks: TorAddress): Tor {
  return {
    socks,
    judgePeer: judgeManagedTor,
    state: () => ({ state: 'up', bootstrapPercent: 100 }),
    observe: () => {},
    networkChanged: () => {},
    kind: 'external',
    describe: () => '',
    [Symbol.asyncDispose]: async () => {},
  };
}
