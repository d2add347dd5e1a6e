import { isIP } from 'node:net';
import type { Config, UpstreamConfig } from '../config/config.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { isOnionHost } from '../model/onion-address.ts';
import type { PipelineInit } from '../resolver/pipeline.ts';
import { TorAgent } from '../tor/socks/agent.ts';
import { createIsolationCredentials, type IsolationCredentials } from '../tor/socks/isolation-credentials.ts';
import {
  createTorConnector,
  type TlsOptions,
  type TorConnector,
  type TorConnectorOptions,
} from '../tor/tls/connector.ts';
import type { Tor } from '../tor/tor.ts';
import { AlternativeServices } from '../upstream/alt-svc/alternative-services.ts';
import { type AlternativeEvents, createAlternativeTransport } from '../upstream/alt-svc/alternative-transport.ts';
import { Connection, type ConnectionComponents, type ConnectionEvents } from '../upstream/pool/connection.ts';
import { ConnectionPool, type ConnectionPoolComponents } from '../upstream/pool/connection-pool.ts';
import type { AnswerEvents } from '../upstream/pool/pooled-connection.ts';
import type { RetryBudget } from '../upstream/pool/retry-budget.ts';
import { PerClientUpstream } from '../upstream/selection/per-client-upstream.ts';
import { DohSession } from '../upstream/transport/doh-session.ts';
import { MAX_IN_FLIGHT } from '../upstream/transport/session.ts';
import { StreamSession } from '../upstream/transport/stream-session.ts';
import type { PooledUpstream } from '../upstream/upstream.ts';

/**
 * Time limit for reaching the resolver through Tor and the TLS handshake. If an onion service went down, Tor's first
 * attempt takes 64 s to fail (measured), but a new circuit to one that is up takes seconds. After this time, a new
 * attempt is better than more waiting.
 */
const CONNECT_MS = 30_000;

/** Time limit for connecting to an alternative service; half, because connecting by name may have to follow. */
const ALTERNATIVE_CONNECT_MS: number = CONNECT_MS / 2;

/** How a connection is opened, and the protocol on it. */
type Transport = Pick<ConnectionComponents, 'connect' | 'createSession'>;

/** What an upstream needs from the rest of the program. */
export interface UpstreamComponents {
  /** Resolves when Tor is found or started; connections wait for it. */
  readonly tor: Promise<Tor>;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly budget: RetryBudget;
  /**
   * Returns the SOCKS credentials of the next connection, never those of an earlier one, whose circuit may have failed.
   * @default credentials that no other upstream uses
   */
  readonly nextIdentity?: () => IsolationCredentials;
  readonly events: ConnectionEvents;
  /**
   * The upstream's configuration for new connections. Its protocol, host and port never change.
   * @default what the upstream was created with
   */
  readonly currentConfig?: () => UpstreamConfig;
  /** Receives the outcome of each query. Absent: outcomes are not reported. */
  readonly answerEvents?: AnswerEvents;
  /** Receives the upstream's alternative services (RFC 7838). Absent: they are not used. */
  readonly alternativeEvents?: AlternativeEvents;
  /** Abandons connection attempts. */
  readonly signal: AbortSignal;
}

/** Settings of one upstream. */
export interface UpstreamInit {
  /** Position in the configured order. */
  readonly index: number;
  /** Connections to keep, each over its own circuit. */
  readonly circuits: number;
  /**
   * Connections to open at first, of which the fastest are kept.
   * @default more than are kept
   */
  readonly candidates?: number;
  readonly lifetimeMs: number;
  /** Whether each client has its own connections. @default false */
  readonly perClient?: boolean;
}

/** Creates a configured resolver with a pool of connections, or one pool for each client. */
export function createUpstream(
  components: UpstreamComponents,
  config: UpstreamConfig,
  init: UpstreamInit,
): PooledUpstream {
  const dial = createDial(components, config);
  const createOne = (): PooledUpstream =>
    config.protocol === 'https'
      ? createHttpPool(components, config, init, dial)
      : createStreamPool(components, config, init, dial);
  if (init.perClient !== true) return createOne();
  return new PerClientUpstream(
    { clock: components.clock, createPool: createOne },
    { address: config.url, idleMs: init.lifetimeMs },
  );
}

/** DNS over TLS, or over TCP. */
function createStreamPool(
  components: UpstreamComponents,
  config: UpstreamConfig,
  init: UpstreamInit,
  dial: TorConnector,
): PooledUpstream {
  return createPool(components, config, init, {
    connect: () => dial(config),
    createSession: (socket, owner) => new StreamSession(components, socket, owner),
  });
}

/** DNS over HTTPS, at the onion services that the resolver offers if it has any. */
function createHttpPool(
  components: UpstreamComponents,
  config: UpstreamConfig,
  init: UpstreamInit,
  dial: TorConnector,
): PooledUpstream {
  const { clock, random, alternativeEvents } = components;
  const url = new URL(config.url);
  // An onion service gains nothing from another one, and an IP address in the URL is the user's explicit choice.
  if (alternativeEvents === undefined || isOnionHost(config.host) || isIP(config.host) !== 0) {
    return createPool(components, config, init, {
      connect: () => dial(config),
      createSession: (socket, owner) => new DohSession(clock, { url }, socket, owner),
    });
  }
  const services = new AlternativeServices({
    clock,
    random,
    onDiscovered: (count) => alternativeEvents.discovered(count),
  });
  const transport = createAlternativeTransport({
    services,
    dial: (alternative) => (alternative === undefined ? dial(config) : dial(alternative, ALTERNATIVE_CONNECT_MS)),
    createSession: (socket, owner, onAltSvc) => new DohSession(clock, { url, onAltSvc }, socket, owner),
    events: alternativeEvents,
  });
  return createPool(components, config, init, transport, {
    onRenew: () => services.networkChanged(),
    countAlternatives: () => services.freshCount,
  });
}

function createPool(
  components: UpstreamComponents,
  config: UpstreamConfig,
  init: UpstreamInit,
  transport: Transport,
  hooks: Pick<ConnectionPoolComponents, 'onRenew' | 'countAlternatives'> = {},
): ConnectionPool {
  const { clock, random, metrics, budget, events, answerEvents } = components;
  return new ConnectionPool(
    {
      clock,
      random,
      metrics,
      budget,
      ...(answerEvents === undefined ? {} : { answerEvents }),
      ...hooks,
      createConnection: (breaker, owner) => new Connection({ clock, ...transport, breaker, events }, owner),
    },
    {
      address: config.url,
      index: init.index,
      size: init.circuits,
      candidates: init.candidates ?? candidatesFor(init),
      lifetimeMs: init.lifetimeMs,
    },
  );
}

/**
 * Maximum number of candidates beyond those that are kept: more than ten in all cost the network more than they gain.
 */
const MAX_SPARE = 7;

/** With connections for each client there may be many pools, so each has only one spare candidate. */
function candidatesFor({ circuits, perClient = false }: UpstreamInit): number {
  return circuits + (perClient ? 1 : Math.min(2 * circuits + 1, MAX_SPARE));
}

/** Opens connections through Tor, each with its own SOCKS credentials, so that each gets its own circuit. */
function createDial(components: UpstreamComponents, config: UpstreamConfig): TorConnector {
  const { tor, clock, random, signal } = components;
  const nextIdentity = components.nextIdentity ?? (() => createIsolationCredentials(random));
  const agent = async (): Promise<TorAgent> => {
    const opened = await tor;
    const credentials = nextIdentity();
    // Leak mutation: credentials
    const { socks, judgePeer } = opened;
    return new TorAgent({ socks, judgePeer, credentials, clock, onDial: (outcome) => opened.observe(outcome) });
  };
  const { currentConfig = (): UpstreamConfig => config } = components;
  let used = config;
  let connector = createResolverConnector({ agent, clock, signal }, used);
  return (target, deadlineMs) => {
    const current = currentConfig();
    if (current !== used) {
      used = current;
      connector = createResolverConnector({ agent, clock, signal }, used);
    }
    return connector(target, deadlineMs);
  };
}

/** Opens connections to a configured resolver: through Tor, then TLS if the protocol has it. */
export function createResolverConnector(
  components: Pick<TorConnectorOptions, 'agent' | 'clock' | 'signal'>,
  config: UpstreamConfig,
): TorConnector {
  return createTorConnector({
    ...components,
    ...(config.protocol === 'tcp' ? { onlyThroughTor: config.onlyThroughTor } : { tls: tlsOptions(config) }),
    deadlineMs: CONNECT_MS,
  });
}

function tlsOptions(config: UpstreamConfig): TlsOptions {
  const { protocol, host, names, namesThroughTor, pins, chainHashes, ca, tlsMin } = config;
  return {
    servername: host,
    names,
    namesThroughTor,
    pins,
    chainHashes,
    minVersion: `TLSv${tlsMin}` as const,
    ...(ca === undefined ? {} : { ca }),
    // RFC 8484 §5.2 recommends HTTP/2, whose streams carry many queries at once; HTTP/1.1 is for servers without it.
    // RFC 7858 defines no ALPN ID, and a server that supports none rejects clients that require one (RFC 7301 §3.2).
    ...(protocol === 'https' ? { alpn: ['h2', 'http/1.1'] } : {}),
  };
}

/** Share of the upstream's capacity for first attempts; the rest is kept free for second attempts. */
const FIRST_ATTEMPTS_SHARE = 0.9;

/**
 * Maximum number of queries in flight to the upstreams, from the open connections of the upstream with most of them.
 * Replaced connections that only finish what is in flight do not count: they take no new query. Unlimited with
 * isolation per client: each client then has its own connections and cannot take another's capacity.
 */
export function capacityOf(
  { isolation }: Pick<Config, 'isolation'>,
  upstreams: readonly PooledUpstream[],
): Pick<PipelineInit, 'capacity'> {
  if (isolation === 'client') return {};
  return {
    capacity: () => {
      const open = upstreams.map(({ connections }) => connections.filter(({ state }) => state === 'open').length);
      return Math.floor(FIRST_ATTEMPTS_SHARE * MAX_IN_FLIGHT * Math.max(1, ...open));
    },
  };
}
