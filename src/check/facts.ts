import { isOwnAddress } from '../client/exchange.ts';
import { statusAddress } from '../client/status-address.ts';
import { readStatus } from '../client/status-feed.ts';
import type { Config, MetricsAddress, UpstreamConfig } from '../config/config.ts';
import { expandAddresses } from '../daemon/expand-addresses.ts';
import type { Clock } from '../lib/clock.ts';
import { type NetworkInterfaces, readNetworkAddresses } from '../lib/network-addresses.ts';
import type { Random } from '../lib/random.ts';
import type { TorStatus } from '../model/tor-status.ts';
import type { Runner } from '../system/command.ts';
import { type Installation, readInstallation } from '../system/installation.ts';
import { detectManagers, type Managers } from '../system/managers/detect-managers.ts';
import { type ResolvedSettings, readResolvedLinks } from '../system/managers/resolvectl.ts';
import { findPortHolders, type PortHolder } from '../system/sockets/port-holders.ts';
import type { FileSystem } from '../system/transaction/file-system.ts';
import { torSurroundings } from '../tor/control/bootstrap-evidence.ts';
import { askTor, type TorAnswers } from './ask-tor.ts';
import { type BootstrapFinding, findBootstrap, type RunningStatus } from './bootstrap-finding.ts';
import { type FindTorComponents, findTor, type TorFinding } from './find-tor.ts';
import { type LocalFinding, probeLocal } from './probe-local.ts';
import { probeUpstream, type UpstreamFinding } from './probe-upstream.ts';
import { watchBootstrap } from './watch-bootstrap.ts';

/** What gathering facts needs from the rest of the program. */
export interface FactsComponents extends FindTorComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly fs: FileSystem;
  readonly run: Runner;
  readonly networkInterfaces: NetworkInterfaces;
}

/** What the checks look at. Each fact is collected on first use and only once, however many checks need it. */
export interface Facts {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly fs: FileSystem;
  /** IP addresses of dns4tor, with `localhost` and the like expanded. */
  readonly addresses: readonly string[];
  /** The Tor that dns4tor uses. Never rejects. */
  tor(): Promise<TorFinding>;
  /**
   * Tor's reports about itself.
   *
   * @throws Dns4torError ERR_TOR_CONTROL the control port is unusable
   * @throws Error no Tor runs
   */
  torAnswers(): Promise<TorAnswers>;
  /** The status of a running dns4tor with this `--metrics`. Undefined if none answers. Never rejects. */
  running(): Promise<RunningStatus | undefined>;
  /**
   * How far Tor is on the way to its network. Watches for some time if it is not connected. Undefined if nobody tells.
   *
   * @throws Dns4torError ERR_TOR_CONTROL the control port is unusable, and no dns4tor follows this Tor
   */
  bootstrap(): Promise<BootstrapFinding | undefined>;
  /** Result of connecting to an upstream. Undefined if no Tor runs. Never rejects. */
  upstream(upstream: UpstreamConfig): Promise<UpstreamFinding | undefined>;
  /** Which program answers at each of `addresses`, over UDP and TCP. Never rejects. */
  local(): Promise<readonly LocalFinding[]>;
  /** Programs that use the port. Undefined if the system does not tell. */
  portHolders(): Promise<readonly PortHolder[] | undefined>;
  /** Whether systemd holds the port open for dns4tor (dns4tor.socket). */
  isOwnSocketOpen(): Promise<boolean>;
  managers(): Promise<Managers>;
  /** State of `dns4tor install` on this machine. Never rejects. */
  installation(): Promise<Installation>;
  /** Servers of systemd-resolved. Undefined if it does not run or does not tell. */
  resolved(): Promise<ResolvedSettings | undefined>;
}

/** Creates the facts that checks share. Each is gathered when a check first needs it. */
export function createFacts(components: FactsComponents, config: Config): Facts {
  const { clock, random, fs, run, networkInterfaces } = components;
  const addresses = expandAddresses(config.addresses);
  const tor = once(() => findTor(components, config.tor));
  const torAnswers = once(async () => {
    const found = await tor();
    if (found.kind !== 'running') throw new Error('no Tor runs');
    return askTor(components, found, config.tor.onionAuths);
  });
  const running = once(() => readRunning(clock, config.metrics));
  const bootstrap = once(async () => {
    const found = await tor();
    const watch = async (): Promise<TorStatus> => {
      if (found.kind !== 'running') throw new Error('no Tor runs');
      // If the kernel does not tell, assume a network: Tor's own reports then decide.
      const hasNetwork = (): boolean => readNetworkAddresses(networkInterfaces)?.size !== 0;
      const surroundings = torSurroundings(hasNetwork, found.isManaged ? config.tor.bridges : undefined);
      return watchBootstrap({ clock, random, surroundings }, found);
    };
    return findBootstrap({ found, running: await running(), answers: torAnswers, watch, fs });
  });
  const probes = new Map(
    config.upstreams.map((upstream) => [
      upstream,
      once(async () => {
        const found = await tor();
        if (found.kind !== 'running') return undefined;
        const probe = probeUpstream({ clock, random, socks: found.socks, judgePeer: found.judgePeer }, upstream);
        return Promise.race([probe, untilStuck(bootstrap)]);
      }),
    ]),
  );
  const managers = once(() => detectManagers(fs, run));
  return {
    config,
    clock,
    random,
    fs,
    addresses,
    tor,
    torAnswers,
    running,
    bootstrap,
    upstream: async (upstream) => probes.get(upstream)?.(),
    local: once(() => probeLocal({ clock, random }, addresses, config.port)),
    portHolders: once(() => findPortHolders(fs, config.port)),
    isOwnSocketOpen: once(
      async () => (await run(['systemctl', 'is-active', '--quiet', 'dns4tor.socket'])).status === 0,
    ),
    managers,
    installation: once(() => readInstallation(fs)),
    resolved: once(async () => ((await managers()).resolved ? readResolvedLinks(run) : undefined)),
  };
}

async function readRunning(clock: Clock, metrics: MetricsAddress): Promise<RunningStatus | undefined> {
  const address = statusAddress(metrics);
  // No packet may leave this machine but through Tor.
  if ('address' in address && !isOwnAddress(address.address)) return undefined;
  return readStatus(address, clock).catch(() => undefined);
}

/** Resolves if Tor turns out to be stuck, and otherwise never. */
async function untilStuck(bootstrap: () => Promise<BootstrapFinding | undefined>): Promise<UpstreamFinding> {
  const finding = await bootstrap().catch(() => undefined);
  return finding?.trouble === undefined ? new Promise(() => {}) : { isTorStuck: true };
}

function once<T>(collect: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= collect());
}
