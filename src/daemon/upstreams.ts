import type { UpstreamConfig } from '../config/config.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { TorAgent } from '../tor/agent.ts';
import { createTorConnector } from '../tor/connector.ts';
import { createIsolationCredentials, type IsolationCredentials } from '../tor/isolation.ts';
import type { Tor } from '../tor/tor.ts';
import { CircuitPool } from '../upstream/circuit-pool.ts';
import type { Breaker } from '../upstream/breaker.ts';
import { type Connect, Connection, type ConnectionEvents } from '../upstream/connection.ts';
import type { ExtraBudget } from '../upstream/extra-budget.ts';
import { Http2Session } from '../upstream/http2-session.ts';
import { IsolatedUpstream } from '../upstream/isolated.ts';
import type { CreateSession } from '../upstream/session.ts';
import type { CircuitsUpstream } from '../upstream/upstream.ts';

/**
 * For the way to the onion service and the TLS handshake. Tor's first try after a service went down answers only after 64 s (measured),
 * while a fresh circuit to one that is up takes seconds: past this, another attempt is worth more than waiting on.
 */
const CONNECT_MS = 30_000;

export interface UpstreamComponents {
  /** Resolves when Tor is found or started; connections wait for it. */
  readonly tor: Promise<Tor>;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly budget: ExtraBudget;
  /** What the next connection shows Tor: never what one before it did, whose circuit may have failed. @default what no other has */
  readonly nextIdentity?: () => IsolationCredentials;
  readonly events: ConnectionEvents;
  /** Abandons connections that are being made. */
  readonly signal: AbortSignal;
}

export interface UpstreamInit {
  /** Its place in the configured order. */
  readonly index: number;
  readonly circuits: number;
  readonly lifetimeMs: number;
  /** Whether each client has circuits of its own. @default false */
  readonly perClient?: boolean;
}

/** One configured resolver, with several circuits to it. */
export function createUpstream(
  components: UpstreamComponents,
  config: UpstreamConfig,
  init: UpstreamInit,
): CircuitsUpstream {
  const { clock, random, metrics, budget, events } = components;
  const connect = createConnect(components, config);
  const url = new URL(config.url);
  const createSession: CreateSession = (socket, owner) => new Http2Session(clock, { url }, socket, owner);
  const createConnection = (breaker: Breaker, onChange: () => void): Connection =>
    new Connection({ clock, connect, createSession, breaker, events, onChange });
  const createPool = (): CircuitPool =>
    new CircuitPool({ clock, random, metrics, budget, createConnection }, { address: config.url, ...init });
  if (init.perClient !== true) return createPool();
  return new IsolatedUpstream({ clock, createUpstream: createPool }, { address: config.url, idleMs: init.lifetimeMs });
}

/** Tor, then TLS. */
function createConnect(components: UpstreamComponents, config: UpstreamConfig): Connect {
  const { tor, clock, random, signal } = components;
  const nextIdentity = components.nextIdentity ?? (() => createIsolationCredentials(random));
  const open = createTorConnector({
    agent: async () => {
      const opened = await tor;
      const credentials = nextIdentity();
      return new TorAgent({ socks: opened.socks, credentials, clock, onDial: (outcome) => opened.observe(outcome) });
    },
    tls: {
      servername: config.host,
      names: config.names,
      pins: config.pins,
      ...(config.ca === undefined ? {} : { ca: config.ca }),
      // RFC 8484 §5.2 asks for HTTP/2 at least, and only its streams carry many queries at once.
      alpn: 'h2',
    },
    deadlineMs: CONNECT_MS,
    clock,
    signal,
  });
  return () => open({ host: config.host, port: config.port });
}
