import { Cache } from '../cache/cache.ts';
import type { Config } from '../config/config.ts';
import { type Clock, delay } from '../lib/clock.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { MAX_MESSAGE_BYTES } from '../message/wire/header.ts';
import { createQueryScanner } from '../message/wire/scan-query.ts';
import { createCounters } from '../metrics/counters.ts';
import type { Handler, Query } from '../model/query.ts';
import { createPipeline } from '../resolver/pipeline.ts';
import type { Tor } from '../tor/tor.ts';
import { NO_TOR_EVENTS } from '../tor/tor-events.ts';
import { RetryBudget } from '../upstream/pool/retry-budget.ts';
import { RouteTable } from '../upstream/routes/route-table.ts';
import { RoutedUpstream } from '../upstream/routes/routed-upstream.ts';
import { FailoverUpstream } from '../upstream/selection/failover.ts';
import type { PooledUpstream } from '../upstream/upstream.ts';
import type { BootstrapDisplay } from './events.ts';
import { loadPolicy } from './local/local-policy.ts';
import { openConfiguredTor, type TorComponents } from './tor-slot.ts';
import { createUpstream, type UpstreamComponents } from './upstreams.ts';

/** Added to `--timeout`: the circuit to the onion service has to be built first, which can take this long. */
const CONNECT_MS = 30_000;
/** Time limit for a managed tor to connect to the Tor network. */
const BOOTSTRAP_MS = 120_000;
const BOOTSTRAP_POLL_MS = 100;

interface DirectOptions extends TorComponents {
  readonly bootstrapDisplay?: BootstrapDisplay;
}

/** A step of {@link askDirectly}, for people. */
interface Step {
  readonly what: string;
  readonly durationMs: number;
}

/** A reply, and the steps that led to it. */
interface DirectReply {
  readonly reply: Uint8Array;
  readonly steps: readonly Step[];
}

/**
 * Resolves one query through Tor without a daemon. It uses the daemon's pipeline, with an empty cache and no listener,
 * so all promises of the daemon hold here too: special-use names do not leave the machine, the bytes sent depend on the
 * question alone, and a failure says why.
 * @param wire a well-formed query
 * @throws Dns4torError if Tor is neither found nor started
 */
export async function askDirectly(wire: Uint8Array, options: DirectOptions): Promise<DirectReply> {
  const { clock } = options;
  await using stack = new AsyncDisposableStack();
  const steps: Step[] = [];
  const startedAt = clock.now();
  const tor = stack.use(await openBootstrapped(options, steps));
  steps.push({ what: `Using ${tor.describe()}`, durationMs: clock.now() - startedAt });
  const handler = await createDirectHandler(options, tor, steps, stack);
  const buffer = new Uint8Array(MAX_MESSAGE_BYTES);
  const reply = await handler(asQuery(wire, clock), buffer);
  return { reply: typeof reply === 'number' ? buffer.slice(0, reply) : reply, steps };
}

/** Finds or starts Tor, and waits until it is connected to its network, as far as it reports that. */
async function openBootstrapped(options: DirectOptions, steps: Step[]): Promise<Tor> {
  const { clock, bootstrapDisplay } = options;
  const tor = await openConfiguredTor(options, {
    // The others show up as the reason of a failure.
    ...NO_TOR_EVENTS,
    onBootstrap: (percent, summary) => bootstrapDisplay?.showBootstrap(percent, summary, false),
    onUnproven: (address) =>
      steps.push({ what: `Cannot tell whether the program at ${address} is Tor`, durationMs: 0 }),
  });
  const giveUpAt = clock.now() + BOOTSTRAP_MS;
  while (tor.state().state === 'bootstrapping' && clock.now() < giveUpAt) await delay(clock, BOOTSTRAP_POLL_MS);
  const { trouble } = tor.state();
  if (trouble === undefined) return tor;
  await tor[Symbol.asyncDispose]();
  throw trouble;
}

/** Puts the daemon's pipeline together for one query: one connection per resolver, and nothing cached. */
async function createDirectHandler(
  options: DirectOptions,
  tor: Tor,
  steps: Step[],
  stack: AsyncDisposableStack,
): Promise<Handler> {
  const { config, clock, random } = options;
  const closing = new AbortController();
  const metrics = createCounters(
    config.upstreams.map(({ host, port }) => formatHostPort(host, port)),
    1,
  );
  const budget = new RetryBudget();
  const shared = { tor: Promise.resolve(tor), clock, random, metrics, budget, signal: closing.signal };
  const upstreams = config.upstreams.map((_, index) => createDirectUpstream(config, index, shared, steps));
  const patienceMs = CONNECT_MS + config.timeoutMs;
  const resolvers =
    // Waits as long for the first resolver, whose connection must be opened first. The next one need not see the
    // question meanwhile.
    new FailoverUpstream({ clock, random, budget }, upstreams, { awaitedMs: patienceMs, patienceMs });
  // A name of a route does not go through Tor here either.
  const upstream = stack.use(new RoutedUpstream({ clock, random, tor: resolvers }, new RouteTable(config.routes)));
  stack.defer(() => closing.abort());
  const cache = new Cache({ clock, random, metrics }, { maxBytes: 0, maxStaleMs: 0 });
  const covers = (qname: string): boolean => upstream.table.covers(qname);
  const policy = await loadPolicy(config, { random, metrics, covers });
  return createPipeline(
    { cache, upstream, clock, metrics, policy: () => policy, budget },
    { timeoutMs: patienceMs, prefetch: false, maxInFlight: 1, maxInFlightPerClient: 1 },
  );
}

function createDirectUpstream(
  config: Config,
  index: number,
  shared: Omit<UpstreamComponents, 'events'>,
  steps: Step[],
): PooledUpstream {
  const upstream = config.upstreams[index]!;
  const events: UpstreamComponents['events'] = {
    connected: (durationMs) => steps.push({ what: `Connected to ${upstream.url}`, durationMs }),
    connectFailed() {},
  };
  const init = { index, circuits: 1, candidates: 1, lifetimeMs: config.circuitLifetimeMs };
  return createUpstream({ ...shared, events }, upstream, init);
}

/** The query as a listener would pass it on: over TCP, so that the reply is not cut to the size of a datagram. */
function asQuery(wire: Uint8Array, clock: Clock): Query {
  return {
    wire,
    scan: createQueryScanner()(wire),
    transport: 'tcp',
    family: 4,
    client: '127.0.0.1',
    clientPort: 0,
    tcpIdleMs: undefined,
    arrivedAt: clock.now(),
  };
}
