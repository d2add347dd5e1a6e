import { isOnionHost } from '../model/onion-address.ts';
import { bridgePlace, resolveBridges } from './bridges.ts';
import type { Config, EncryptedConfig, SocksChoice, UpstreamConfig } from './config.ts';
import { ConfigError, locate, type Problem } from './config-problem.ts';
import { contradictions } from './contradictions.ts';
import type { Loaded, Setting, Settings } from './load.ts';
import type { Values } from './option-values.ts';
import { OPTIONS, type OptionKey, optionSpec } from './options.ts';
import { parseValue } from './parse/kinds.ts';
import { toTlsConfig } from './parse/server-certificate.ts';
import type { UpstreamUrl } from './parse/upstream/upstream-url.ts';
import { toRoutes } from './routes.ts';

/**
 * Public names in the certificate of Cloudflare's hidden resolver. The certificate once lacked the onion name for weeks
 * (DNSCrypt/dnscrypt-resolvers#277). Through Tor the onion address already authenticates the resolver, so either public
 * name is accepted.
 */
const DEFAULT_UPSTREAM_NAMES = ['tor.cloudflare-dns.com', 'cloudflare-dns.com'];

/**
 * What `auto` means with bridges: a running Tor might connect to public relays, which shows the network that it is Tor.
 */
const MANAGED: SocksChoice = { kind: 'managed' };

/**
 * Builds the configuration from the settings. Reads the certificates and keys that they name.
 *
 * @throws {ConfigError} with every problem, including those of loading the settings
 */
export function validate({ settings, problems: loadProblems }: Loaded): Config {
  const problems = [...loadProblems];
  const values = parseSettings(settings, problems);
  const bridging = values === undefined ? undefined : resolveBridges(values);
  if (values !== undefined) problems.push(...contradictions(values));
  if (bridging !== undefined) problems.push(...bridging.problems);
  if (values === undefined || bridging === undefined || problems.length > 0) throw new ConfigError(problems);
  const { bridges, transports } = bridging;
  return deepFreeze({
    addresses: [...new Set(values.address)],
    port: values.port,
    allow: values.allow,
    udpIo: values['udp-io'],
    limits: {
      maxInFlight: values['max-in-flight'],
      maxInFlightPerClient: values['max-in-flight-per-client'],
      tcpConnections: values['tcp-connections'],
      tcpConnectionsPerClient: values['tcp-connections-per-client'],
      tcpPipelined: values['tcp-pipelined'],
      tcpIdleMs: values['tcp-idle-timeout'],
      tcpMessageMs: values['tcp-message-timeout'],
      tcpUnsentBytes: values['tcp-unsent'],
    },
    encrypted: toEncrypted(values),
    upstreams: values.upstream.map((url) => toUpstream(url, values)),
    circuits: Math.min(values.circuits, values['max-upstream-conns'] || Infinity),
    circuitLifetimeMs: values['circuit-lifetime'],
    altSvc: values['alt-svc'],
    isolation: values.isolate,
    upstreamStrategy: values['upstream-strategy'],
    routes: toRoutes(values),
    metrics: values.metrics,
    metricsHosts: values['metrics-host'],
    controlSocket: values['control-socket'],
    tor: {
      socks: bridges.length > 0 ? MANAGED : values['tor-socks'],
      control: values['tor-control'],
      onionAuths: values['onion-auth-file'],
      binary: values['tor-binary'],
      bridges,
      transports,
      options: values['tor-option'],
    },
    localAnswers: {
      undelegated: values.undelegated,
      hosts: values.hosts,
      names: values.name,
      blocklists: values.blocklist,
      allowlists: values.allowlist,
      blockAnswer: values['block-answer'],
      privateAnswers: values['private-answers'],
      privateAnswersFor: values['private-answers-for'],
    },
    cacheBytes: values['cache-size'],
    maxStaleMs: values['serve-stale'],
    timeoutMs: values.timeout,
    prefetch: values.prefetch,
    log: { level: values.loglevel, file: values.logfile, format: values.output },
    bootstrapIgnored: values.bootstrap.length > 0,
  });
}

function toEncrypted(values: Values): EncryptedConfig {
  const { 'tls-cert': chain, 'tls-key': key } = values;
  return {
    dotAddresses: [...new Set(values['dot-address'])],
    dotPort: values['dot-port'],
    dohAddresses: [...new Set(values['doh-address'])],
    dohPort: values['doh-port'],
    dohPath: values['doh-path'],
    dohPlain: values['doh-plain'],
    tls: chain === undefined || key === undefined ? undefined : toTlsConfig(chain, key),
  };
}

function toUpstream(url: UpstreamUrl, values: Values): UpstreamConfig {
  const pins = values['upstream-pin'];
  const tlsMin = values['upstream-tls-min'];
  const onlyThroughTor = url.protocol === 'tcp' && isOnionHost(url.host) && !values['allow-plaintext-exit'];
  if (url.protocol === 'tcp') {
    return { ...url, names: [], namesThroughTor: [], onlyThroughTor, ca: undefined, pins: [], tlsMin };
  }
  const named = values['upstream-name'];
  const further = named.length > 0 ? [] : furtherNames(url.host);
  // A pin authenticates the resolver as well as the onion's name does.
  const isPinned = pins.length > 0;
  return {
    ...url,
    names: named.length > 0 ? named : [url.host, ...(isPinned ? further : [])],
    namesThroughTor: isPinned ? [] : further,
    onlyThroughTor,
    ca: values['upstream-ca'],
    pins,
    tlsMin,
  };
}

function furtherNames(host: string): readonly string[] {
  return host === new URL(OPTIONS.upstream.default).hostname ? DEFAULT_UPSTREAM_NAMES : [];
}

/**
 * Parses some options and ignores all others, so that none of the files that those name is read.
 *
 * @throws {ConfigError} with every problem of these options, and those of loading the settings
 */
export function validateSome<Key extends OptionKey>(
  { settings, problems: loadProblems }: Loaded,
  keys: readonly Key[],
): Pick<Values, Key> {
  const problems = [...loadProblems];
  const wanted: ReadonlySet<OptionKey> = new Set(keys);
  const values = parseSettings(
    settings.filter(({ key }) => wanted.has(key)),
    problems,
  );
  if (values === undefined) throw new ConfigError(problems);
  return values;
}

/** Undefined if there are any problems, including earlier ones. */
function parseSettings(settings: Settings, problems: Problem[]): Values | undefined {
  const values: unknown = Object.fromEntries(settings.map((setting) => [setting.key, parseSetting(setting, problems)]));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kind that parsed a value is the one Values
  // reads
  return problems.length > 0 ? undefined : (values as Values);
}

function parseSetting({ key, origin, place, texts }: Setting, problems: Problem[]): unknown {
  const spec = optionSpec(key);
  const isSecret = spec.secret === true;
  const values: unknown[] = [];
  for (const [index, text] of texts.entries()) {
    // A missing default program is not a configuration error. The start reports it if the program is needed.
    const isUnchecked = spec.kind === 'program' && origin === 'default';
    const parsed = isUnchecked ? { value: text } : parseValue(spec.kind, text, spec);
    // The problem of a secret value does not quote it.
    if ('problem' in parsed) problems.push(locate(isSecret ? bridgePlace(place, index, texts.length) : place, parsed));
    else values.push(parsed.value);
  }
  if (spec.list === undefined) return values[0];
  const { maxItems } = spec.list;
  if (texts.length > maxItems) {
    problems.push({ problem: `${place}: ${texts.length} values`, remedy: `give at most ${maxItems}` });
  }
  const mayBeEmpty = spec.default === undefined && !(spec.neverEmpty === true && origin === 'flag');
  if (texts.length === 0 && !mayBeEmpty) {
    problems.push({ problem: `${place}: the value is empty`, remedy: 'give a value, or remove the option' });
  }
  return values;
}

/** Freezes a tree of plain objects, arrays and scalars. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
