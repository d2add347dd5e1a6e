import { delay, systemClock } from '../../src/lib/clock.ts';
import type { Laboratory } from '../e2e/laboratory.ts';
import type { Daemon } from '../fixtures/process/daemon.ts';
import type { TorNetwork } from '../fixtures/tor/tor-network.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { assertUnharmed, metric } from '../protocol/daemon-health.ts';
import { forgetFailures } from './circuits.ts';
import { type Asked, Load } from './load.ts';
import type { FaultTimes, Scenario } from './scenarios.ts';
import { isFullService } from './service.ts';
import { startSocksRelay } from './socks-relay.ts';
import { type Usage, UsageWatch } from './usage-watch.ts';

/** The timeout of a client: the default of `--timeout`. */
const TIMEOUT_MS = 10_000;

/** Margin for a busy machine. */
const MARGIN_MS = 2000;

/** For the first fresh answers: a new daemon opens circuits, and a private network may have to vote. */
const WARM_UP_PATIENCE_MS = 60_000;

/**
 * dns4tor sends NEWNYM at once, which may be too early, and again after half a minute and a minute. Then come the
 * longest pause between two attempts to connect, and an attempt that hangs.
 */
const RECOVERY_PATIENCE_MS = 180_000;

/** Time for the onion's tor to be reachable again. Usually it takes a few seconds. */
const ONION_PATIENCE_MS = 45_000;

/** Each probe costs circuits. */
const BETWEEN_PROBES_MS = 250;

/** Everything observed during one fault. */
export interface Observation {
  readonly scenario: Scenario;
  /** Queries sent before the fault. */
  readonly before: readonly Asked[];
  /** Queries sent since its start. */
  readonly asked: readonly Asked[];
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  /**
   * When the resolver was reachable through Tor again; any delay after that is dns4tor's. Undefined if full service was
   * back before, because existing connections can work while new ones fail.
   */
  readonly reachableAtMs: number | undefined;
  /** Whether full service recovered. */
  readonly recovered: boolean;
  /** Attempts to connect since the start of the fault. */
  readonly connects: { readonly ok: number; readonly failed: number };
  /** Since the start of the fault. */
  readonly usage: Usage;
  /** A defect found in dns4tor itself. */
  readonly harm: string | undefined;
  /** The end of dns4tor's log. */
  readonly log: string;
}

/**
 * Runs a new dns4tor under load through one fault, until it gives full service again or time runs out.
 *
 * @throws if there is no full service before the fault, or if dns4tor ends
 */
export async function runScenario(
  laboratory: Laboratory,
  scenario: Scenario,
  times: FaultTimes,
  onProgress: (step: string) => void,
): Promise<Observation> {
  await using resources = new AsyncDisposableStack();
  await forgetFailures(laboratory.network);
  const socksRelay = resources.use(await startSocksRelay(laboratory.network.client.socksPath));
  const stage = { laboratory, socksRelay };
  const control = ['--tor-control', `unix:${laboratory.network.client.controlPath}`];
  const daemon = resources.use(await laboratory.startDaemon(...control, ...(scenario.flags?.(stage) ?? [])));
  await daemon.answers();
  const load = resources.use(await Load.start(daemon.port, TIMEOUT_MS + MARGIN_MS));
  const warmedUpFromMs = systemClock.now();
  await waitUntil('the load is answered fresh', WARM_UP_PATIENCE_MS, () => isFullService(load.asked, warmedUpFromMs));

  const usage = resources.use(await UsageWatch.start(daemon.process.pid));
  const connectsBefore = await connectsOf(daemon);
  const beganAtMs = systemClock.now();
  onProgress('the fault begins');
  const undo = await scenario.begin(stage);
  // Later scenarios need the broken part.
  let isBroken = true;
  const mend = async (): Promise<void> => {
    if (isBroken) await undo();
    isBroken = false;
  };
  resources.defer(mend);
  if (scenario.lasts !== undefined) await delay(systemClock, times[scenario.lasts]);
  const endedAtMs = systemClock.now();
  onProgress('the fault ends');
  await mend();
  const recovery = new AbortController();
  const reachable = firstReached(laboratory.network, recovery.signal);
  const recovered = await waitUntil('full service is back', RECOVERY_PATIENCE_MS, () =>
    isFullService(load.asked, endedAtMs),
  ).then(
    () => true,
    () => false,
  );
  recovery.abort();
  onProgress(recovered ? 'full service is back' : 'full service is NOT back');
  await load.stop();

  const connectsAfter = await connectsOf(daemon);
  return {
    scenario,
    before: load.asked.filter(({ sentAtMs }) => sentAtMs < beganAtMs),
    asked: load.asked.filter(({ sentAtMs }) => sentAtMs >= beganAtMs),
    beganAtMs,
    endedAtMs,
    reachableAtMs: await reachable,
    recovered,
    connects: { ok: connectsAfter.ok - connectsBefore.ok, failed: connectsAfter.failed - connectsBefore.failed },
    usage: await usage.read(),
    harm: await assertUnharmed(daemon).then(
      () => undefined,
      (error: unknown) => String(error),
    ),
    log: daemon.process.output,
  };
}

/**
 * Probes until the signal. Restarts the onion's tor once if it stays unreachable: one that has lost its introduction
 * circuits too often builds none for five minutes (INTRO_CIRC_RETRY_PERIOD in its source), whatever dns4tor does.
 */
async function firstReached(network: TorNetwork, signal: AbortSignal): Promise<number | undefined> {
  const fromMs = systemClock.now();
  let isRestarted = false;
  while (!signal.aborted) {
    if (await network.reachesOnion()) return systemClock.now();
    if (!isRestarted && systemClock.now() - fromMs > ONION_PATIENCE_MS) {
      isRestarted = true;
      await network.onionService.kill();
      await network.onionService.start();
    }
    await delay(systemClock, BETWEEN_PROBES_MS, signal);
  }
  return undefined;
}

async function connectsOf(daemon: Daemon): Promise<{ readonly ok: number; readonly failed: number }> {
  const [all, ok] = await Promise.all([
    metric(daemon, 'dns4tor_upstream_connects_total'),
    metric(daemon, 'dns4tor_upstream_connects_total', { outcome: 'ok' }),
  ]);
  return { ok, failed: all - ok };
}
