import type { Config, UpstreamConfig } from '../config/config.ts';
import { expandAddresses } from '../daemon/expand-addresses.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Runner } from '../system/command.ts';
import { type Installation, readInstallation } from '../system/installation.ts';
import { detectManagers, type Managers } from '../system/managers/detect-managers.ts';
import { type ResolvedSettings, readResolvedLinks } from '../system/managers/resolvectl.ts';
import { findPortHolders, type PortHolder } from '../system/sockets/port-holders.ts';
import type { FileSystem } from '../system/transaction/file-system.ts';
import { askTor, type TorAnswers } from './ask-tor.ts';
import { type FindTorComponents, findTor, type TorFinding } from './find-tor.ts';
import { type LocalFinding, probeLocal } from './probe-local.ts';
import { probeUpstream, type UpstreamFinding } from './probe-upstream.ts';

/** What gathering facts needs from the rest of the program. */
export interface FactsComponents extends FindTorComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly fs: FileSystem;
  readonly run: Runner;
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
  const { clock, random, fs, run } = components;
  const addresses = expandAddresses(config.addresses);
  const tor = once(() => findTor(components, config.tor));
  const torAnswers = once(async () => {
    const found = await tor();
    if (found.kind !== 'running') throw new Error('no Tor runs');
    return askTor(components, found, config.tor.onionAuths);
  });
  const probes = new Map(
    config.upstreams.map((upstream) => [
      upstream,
      once(async () => {
        const found = await tor();
        if (found.kind !== 'running') return undefined;
        return probeUpstream({ clock, random, socks: found.socks, judgePeer: found.judgePeer }, upstream);
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

function once<T>(collect: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= collect());
}
