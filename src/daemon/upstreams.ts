import { isIP } from 'node:net';
import type { UpstreamConfig } from '../config/config.ts';
import type { Clock } from '../lib/clock.ts';
import { isOnionHost } from '../model/onion-address.ts';
import type { Random } from '../lib/random.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { TorAgent } from '../tor/socks/agent.ts';
import type { TorConnector } from '../tor/tls/connector.ts';
import { createIsolationCredentials, type IsolationCredentials } from '../tor/socks/isolation-credentials.ts';
import type { Tor } from '../tor/tor.ts';
import { AlternativeServices } from '../upstream/alt-svc/alternative-services.ts';
import { type AlternativeEvents, createAlternativeTransport } from '../upstream/alt-svc/alternative-transport.ts';
import type { AnswerEvents } from '../upstream/pool/pooled-connection.ts';
import { ConnectionPool, type ConnectionPoolComponents } from '../upstream/pool/connection-pool.ts';
import { Connection, type ConnectionComponents, type ConnectionEvents } from '../upstream/pool/connection.ts';
import type { RetryBudget } from '../upstream/pool/retry-budget.ts';
import { DohSession } from '../upstream/transport/doh-session.ts';
import { PerClientUpstream } from '../upstream/selection/per-client-upstream.ts';
import { StreamSession } from '../upstream/transport/stream-session.ts';
import type { PooledUpstream } from '../upstream/upstream.ts';
import { createResolverConnector } from './resolver-connector.ts';

/** Half of that where the name is left to fall back to, which takes its time as well. */
const ALTERNATIVE_CONNECT_MS = 15_000;

/** How a connection is opened, and what is spoken on it. */
type Transport = Pick<ConnectionComponents, 'connect' | 'createSession'>;

export interface UpstreamComponents {
  /** Resolves when Tor is found or started; connections wait for it. */
  readonly tor: Promise<Tor>;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly budget: RetryBudget;
  /** What the next connection shows Tor: never what one before it did, whose circuit may have failed. @default what no other has */
  readonly nextIdentity?: () => IsolationCredentials;
  readonly events: ConnectionEvents;
  /** Receives the outcome of each query. Absent: outcomes are not reported. */
  readonly answerEvents?: AnswerEvents;
  /** What becomes of an upstream's alternative services (RFC 7838); absent: they are not used. */
  readonly alternativeEvents?: AlternativeEvents;
  /** Abandons connections that are being made. */
  readonly signal: AbortSignal;
}

export interface UpstreamInit {
  /** Its place in the configured order. */
  readonly index: number;
  readonly circuits: number;
  /**
   * Circuits opened at first, of which the fastest are kept.
   * @default more than are kept
   */
  readonly candidates?: number;
  readonly lifetimeMs: number;
  /** Whether each client has circuits of its own. @default false */
  readonly perClient?: boolean;
}

/** One configured resolver, with several circuits to it. */
export function createUpstream(
  components: UpstreamComponents,
  config: UpstreamConfig,
  init: UpstreamInit,
): PooledUpstream {
  const { clock } = components;
  const open = createConnector(components, config);
  const createCircuits =
    config.protocol === 'https'
      ? () => createHttpCircuits(components, config, init, open)
      : () => createStreamCircuits(components, config, init, open);
  if (init.perClient !== true) return createCircuits();
  return new PerClientUpstream({ clock, createPool: createCircuits }, { address: config.url, idleMs: init.lifetimeMs });
}

function createStreamCircuits(
  components: UpstreamComponents,
  config: UpstreamConfig,
  init: UpstreamInit,
  open: TorConnector,
): PooledUpstream {
  return createPool(components, config, init, {
    connect: () => open(config),
    createSession: (socket, owner) => new StreamSession(components, socket, owner),
  });
}

function createHttpCircuits(
  components: UpstreamComponents,
  config: UpstreamConfig,
  init: UpstreamInit,
  open: TorConnector,
): PooledUpstream {
  const { clock, random, alternativeEvents } = components;
  const url = new URL(config.url);
  // An onion has nothing to gain by another, and the address in a URL is what its user chose.
  if (alternativeEvents === undefined || isOnionHost(config.host) || isIP(config.host) !== 0) {
    return createPool(components, config, init, {
      connect: () => open(config),
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
    dial: (alternative) => (alternative === undefined ? open(config) : open(alternative, ALTERNATIVE_CONNECT_MS)),
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

/** Candidates besides the circuits that are kept. Best of ten: more cost the network more than they gain. */
const MAX_SPARE = 7;

/** With circuits for each client there may be many sets of them, so each has one spare candidate. */
function candidatesFor({ circuits, perClient = false }: UpstreamInit): number {
  return circuits + (perClient ? 1 : Math.min(2 * circuits + 1, MAX_SPARE));
}

/** Each connection shows Tor an identity of its own. */
function createConnector(components: UpstreamComponents, config: UpstreamConfig): TorConnector {
  const { tor, clock, random, signal } = components;
  const nextIdentity = components.nextIdentity ?? (() => createIsolationCredentials(random));
  const agent = async (): Promise<TorAgent> => {
    const opened = await tor;
    const credentials = nextIdentity();
    // Leak mutation: credentials
    const { socks, judgePeer } = opened;
    return new TorAgent({ socks, judgePeer, credentials, clock, onDial: (outcome) => opened.observe(outcome) });
  };
  return createResolverConnector({ agent, clock, signal }, config);
}
