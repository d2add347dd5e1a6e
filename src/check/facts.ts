import type { Config, UpstreamConfig } from '../config/config.ts';
import { expandAddresses } from '../daemon/listen.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Runner } from '../system/command.ts';
import { detectManagers, type Managers } from '../system/managers/detect-managers.ts';
import type { FileSystem } from '../system/transaction/file-system.ts';
import { findPortHolders, type PortHolder } from '../system/sockets/port-holders.ts';
import { readResolvedLinks, type ResolvedSettings } from '../system/managers/resolvectl.ts';
import { askTor, type TorAnswers } from './ask-tor.ts';
import { readInstallation, type Installation } from '../system/installation.ts';
import { findTor, type FindTorComponents, type TorFinding } from './find-tor.ts';
import { type LocalFinding, probeLocal } from './probe-local.ts';
import { probeUpstream, type UpstreamFinding } from './probe-upstream.ts';

export interface FactsComponents extends FindTorComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly fs: FileSystem;
  readonly run: Runner;
}

/** What there is to be checked. Each is looked at when it is first asked for, and once, however many checks need it. */
export interface Facts {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly fs: FileSystem;
  /** At which dns4tor answers, `localhost` and the like taken apart. */
  readonly addresses: readonly string[];
  /** Never rejects. */
  tor(): Promise<TorFinding>;
  /** @throws Dns4torError ERR_TOR_CONTROL it cannot be asked */
  torAnswers(): Promise<TorAnswers>;
  /** Undefined where there is no Tor. Never rejects. */
  upstream(upstream: UpstreamConfig): Promise<UpstreamFinding | undefined>;
  /** For each address. Never rejects. */
  local(): Promise<readonly LocalFinding[]>;
  portHolders(): Promise<readonly PortHolder[] | undefined>;
  /** Whether systemd has the port open for dns4tor. */
  isOwnSocketOpen(): Promise<boolean>;
  managers(): Promise<Managers>;
  /** State of `dns4tor install` on this machine. Never rejects. */
  standing(): Promise<Installation>;
  /** Undefined where systemd-resolved does not run, or does not tell. */
  resolved(): Promise<ResolvedSettings | undefined>;
}

export function createFacts(components: FactsComponents, config: Config): Facts {
  const { clock, random, fs, run } = components;
  const addresses = expandAddresses(config.addresses);
  const tor = once(() => findTor(components, config.tor));
  const torAnswers = once(async () => {
    const found = await tor();
    if (found.kind !== 'running') throw new Error('there is no Tor');
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
    standing: once(() => readInstallation(fs)),
    resolved: once(async () => ((await managers()).resolved ? readResolvedLinks(run) : undefined)),
  };
}

function once<T>(look: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= look());
}
