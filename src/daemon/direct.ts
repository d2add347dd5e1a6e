import { Cache } from '../cache/cache.ts';
import type { Config } from '../config/config.ts';
import { type Clock, delay } from '../lib/clock.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Random } from '../lib/random.ts';
import { MAX_MESSAGE_BYTES } from '../message/wire/header.ts';
import { createQueryScanner } from '../message/wire/scan-query.ts';
import { createCounters } from '../metrics/counters.ts';
import { createPipeline } from '../resolver/pipeline.ts';
import { createSocksPeerJudge } from '../system/sockets/socks-owner.ts';
import { openTor, type Tor } from '../tor/tor.ts';
import type { TorEvents } from '../tor/tor-events.ts';
import { stateDirectory } from '../tor/process/state-directory.ts';
import type { ConnectionEvents } from '../upstream/pool/connection.ts';
import { RetryBudget } from '../upstream/pool/retry-budget.ts';
import { FailoverUpstream } from '../upstream/selection/failover.ts';
import type { BootstrapDisplay } from './events.ts';
import { createUpstream } from './upstreams.ts';

/** A circuit to an onion has to be built first, which takes up to this long on a bad day; a tor of our own has to find its network before. */
const CONNECT_MS = 30_000;
const BOOTSTRAP_MS = 120_000;
const BOOTSTRAP_LOOK_MS = 100;

export interface DirectOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly bootstrapDisplay?: BootstrapDisplay;
}

/** A reply, and the steps that led to it. */
export interface DirectReply {
  readonly reply: Uint8Array;
  readonly steps: readonly { readonly what: string; readonly durationMs: number }[];
}

/**
 * Asks through Tor without a daemon: the same pipeline, with an empty cache and no listener, so that whatever holds for the daemon holds here.
 * Special-use names stay here, what is sent depends on the question alone, and a failure says why.
 * @param wire a well-formed query
 * @throws Dns4torError where Tor is neither found nor started
 */
export async function askDirectly(wire: Uint8Array, options: DirectOptions): Promise<DirectReply> {
  const { config, clock, random } = options;
  await using stack = new AsyncDisposableStack();
  const steps: { what: string; durationMs: number }[] = [];
  const onUnproven = (address: string): number =>
    steps.push({ what: `Cannot tell whether the program at ${address} is Tor`, durationMs: 0 });
  const tor = stack.use(
    await timed(
      clock,
      steps,
      (opened) => `Using ${opened.describe()}`,
      () => open(options, onUnproven),
    ),
  );

  const closing = new AbortController();
  const counters = createCounters(
    config.upstreams.map(({ host, port }) => formatHostPort(host, port)),
    1,
  );
  const budget = new RetryBudget();
  const patienceMs = CONNECT_MS + config.timeoutMs;
  const upstreams = config.upstreams.map((upstream, index) => {
    const events: ConnectionEvents = {
      connected: (durationMs) => steps.push({ what: `Connected to ${upstream.url}`, durationMs }),
      connectFailed() {},
    };
    const { signal } = closing;
    return createUpstream(
      { tor: Promise.resolve(tor), clock, random, metrics: counters, budget, events, signal },
      upstream,
      { index, circuits: 1, candidates: 1, lifetimeMs: config.circuitLifetimeMs },
    );
  });
  const upstream = stack.use(
    // The first connection has to be opened first, and a second resolver need not see the question meanwhile.
    new FailoverUpstream({ clock, random, budget }, upstreams, { awaitedMs: patienceMs, patienceMs }),
  );
  stack.defer(() => closing.abort());
  const cache = new Cache({ clock, random, metrics: counters }, { maxBytes: 0, maxStaleMs: 0 });
  const handle = createPipeline(
    { cache, upstream, clock, metrics: counters, budget },
    { timeoutMs: patienceMs, prefetch: false, maxInFlight: 1, maxInFlightPerClient: 1 },
  );
  const buffer = new Uint8Array(MAX_MESSAGE_BYTES);
  const answered = await handle(
    {
      wire,
      scan: createQueryScanner()(wire),
      // Whose answers are not cut to a datagram's size.
      transport: 'tcp',
      family: 4,
      client: '127.0.0.1',
      clientPort: 0,
      tcpIdleMs: undefined,
      arrivedAt: clock.now(),
    },
    buffer,
  );
  return { reply: typeof answered === 'number' ? buffer.slice(0, answered) : answered, steps };
}

/** Found or started, and as far as it says so, with its way to the network. */
async function open(
  { config, clock, random, env, bootstrapDisplay }: DirectOptions,
  onUnproven: (address: string) => void,
): Promise<Tor> {
  const tor = await openTor(config.tor.socks, {
    binary: config.tor.binary,
    stateDirectory: () => stateDirectory(env),
    torOptions: config.tor.options,
    control: config.tor.control,
    judgePeer: createSocksPeerJudge(clock),
    onionAuths: config.tor.onionAuths,
    clock,
    random,
    events: { ...quietly(bootstrapDisplay), onUnproven },
  });
  const givenUpAt = clock.now() + BOOTSTRAP_MS;
  while (tor.state().state === 'bootstrapping' && clock.now() < givenUpAt) await delay(clock, BOOTSTRAP_LOOK_MS);
  return tor;
}

/** What else Tor tells comes out as the reason of a failure. */
function quietly(onBootstrap: BootstrapDisplay = () => {}): TorEvents {
  return {
    onBootstrap,
    onLog() {},
    onExit() {},
    onSkipped() {},
    onUnproven() {},
    onControl() {},
    onControlLost() {},
    onOnionAuthFailed() {},
    onNewnym() {},
    onNewnymRefused() {},
  };
}

async function timed<T>(
  clock: Clock,
  steps: { what: string; durationMs: number }[],
  describe: (result: T) => string,
  work: () => Promise<T>,
): Promise<T> {
  const startedAt = clock.now();
  const result = await work();
  steps.push({ what: describe(result), durationMs: clock.now() - startedAt });
  return result;
}
