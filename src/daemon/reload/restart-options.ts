import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../../config/config.ts';
import type { Settings } from '../../config/load.ts';
import { OPTION_KEYS, type OptionKey, optionSpec } from '../../config/options.ts';
import type { OptionKind } from '../../config/parse/kinds.ts';

/** A configuration, and the settings that it was built from. */
export interface LoadedConfig {
  readonly config: Config;
  readonly settings: Settings;
}

/**
 * What a reload does with each option: puts it into force (`reloads`), or keeps the earlier value until a restart. For
 * the latter: the part of the configuration that depends on the option.
 */
const RELOADS: Readonly<Record<OptionKey, 'reloads' | ((config: Config) => unknown)>> = {
  address: (config) => config.addresses,
  port: (config) => config.port,
  allow: 'reloads',
  'udp-io': (config) => config.udpIo,
  'doh-address': (config) => config.encrypted.dohAddresses,
  'doh-port': (config) => config.encrypted.dohPort,
  'doh-path': (config) => config.encrypted.dohPath,
  'doh-plain': (config) => config.encrypted.dohPlain,
  'dot-address': (config) => config.encrypted.dotAddresses,
  'dot-port': (config) => config.encrypted.dotPort,
  'tls-cert': 'reloads',
  'tls-key': 'reloads',
  // Its identity in metrics and log, and the order that everything is counted in.
  upstream: (config) => config.upstreams.map(({ url }) => url),
  'upstream-strategy': (config) => config.upstreamStrategy,
  bootstrap: 'reloads',
  'max-upstream-conns': (config) => config.circuits,
  circuits: (config) => config.circuits,
  'circuit-lifetime': (config) => config.circuitLifetimeMs,
  isolate: (config) => config.isolation,
  'alt-svc': (config) => config.altSvc,
  'upstream-name': 'reloads',
  'upstream-ca': 'reloads',
  'upstream-pin': 'reloads',
  'upstream-tls-min': 'reloads',
  'allow-plaintext-exit': 'reloads',
  'tor-socks': (config) => config.tor.socks,
  'tor-control': (config) => config.tor.control,
  'onion-auth-file': (config) => config.tor.onionAuths,
  'tor-binary': (config) => config.tor.binary,
  // As text, because the parts of a bridge are private.
  bridge: (config) => config.tor.bridges.map((bridge) => bridge.toTorrc()),
  'bridges-file': (config) => config.tor.bridges.map((bridge) => bridge.toTorrc()),
  transport: (config) => config.tor.transports,
  'tor-option': (config) => config.tor.options,
  route: 'reloads',
  'allow-public-routes': 'reloads',
  undelegated: 'reloads',
  hosts: 'reloads',
  name: 'reloads',
  blocklist: 'reloads',
  allowlist: 'reloads',
  'block-answer': 'reloads',
  'private-answers': 'reloads',
  'private-answers-for': 'reloads',
  'cache-size': (config) => config.cacheBytes,
  timeout: 'reloads',
  'serve-stale': 'reloads',
  prefetch: 'reloads',
  'max-in-flight': (config) => config.limits.maxInFlight,
  'max-in-flight-per-client': (config) => config.limits.maxInFlightPerClient,
  'tcp-connections': (config) => config.limits.tcpConnections,
  'tcp-connections-per-client': (config) => config.limits.tcpConnectionsPerClient,
  'tcp-pipelined': (config) => config.limits.tcpPipelined,
  'tcp-idle-timeout': (config) => config.limits.tcpIdleMs,
  'tcp-message-timeout': (config) => config.limits.tcpMessageMs,
  'tcp-unsent': (config) => config.limits.tcpUnsentBytes,
  metrics: (config) => config.metrics,
  'metrics-host': (config) => config.metricsHosts,
  'control-socket': (config) => config.controlSocket,
  loglevel: 'reloads',
  logfile: (config) => config.log.file,
  output: (config) => config.log.format,
  config: 'reloads',
  check: 'reloads',
};

/** The options that a reload puts into force, in the order of the options table. */
export const RELOADED_OPTIONS: readonly OptionKey[] = OPTION_KEYS.filter((key) => RELOADS[key] === 'reloads');

/**
 * The options whose value differs and takes effect only after a restart, in the order of the options table. Two options
 * may determine one part of the configuration; then the one that was edited is named, or the one that names a file.
 */
export function optionsNeedingRestart(running: LoadedConfig, next: LoadedConfig): readonly OptionKey[] {
  return OPTION_KEYS.filter((key) => {
    const part = RELOADS[key];
    if (part === 'reloads' || isDeepStrictEqual(part(running.config), part(next.config))) return false;
    const texts = textsOf(next, key);
    const isSameFile = OF_A_FILE.has(optionSpec(key).kind) && texts.length > 0;
    return isSameFile || !isDeepStrictEqual(textsOf(running, key), texts);
  });
}

/** Kinds of values that name a file, whose content may change. */
const OF_A_FILE: ReadonlySet<OptionKind> = new Set(['bridges-file', 'onion-auth-file']);

function textsOf({ settings }: LoadedConfig, key: OptionKey): readonly string[] {
  return settings.find((setting) => setting.key === key)?.texts ?? [];
}
