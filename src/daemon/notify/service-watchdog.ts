import type { Clock, Timer } from '../../lib/clock.ts';
import { MS_PER_SECOND } from '../../lib/units.ts';
import type { NotifyChannel } from './notify-channel.ts';

/** The share of the manager's time limit after which sd_watchdog_enabled(3) recommends a sign of life. */
const PING_SHARE = 1 / 2;

/** The share after which a failed check is repeated, so that one long pause does not end the service. */
const RETRY_SHARE = 1 / 20;

/**
 * The delay of the event loop from which clients get no answers: glibc's stub resolver gives up an attempt after 5 s
 * (resolv.conf(5)).
 */
const MAX_DELAY_MS = 5000;

/** Why a check failed, for the log. */
interface WatchdogFailure {
  readonly reason: string;
  /** How late the event loop ran the check. */
  readonly delaySeconds: number;
}

interface ServiceWatchdogComponents {
  readonly clock: Clock;
  readonly channel: Pick<NotifyChannel, 'send'>;
  /** Sends a query through the pipeline. Resolves to whether it was answered as it should be. */
  readonly ask: () => Promise<boolean>;
  readonly onFailed: (failure: WatchdogFailure) => void;
}

/**
 * Sends the service manager a sign of life (`WATCHDOG=1`) while queries can be answered: the event loop runs without
 * long delays, and a query to this process is answered. An outage of Tor is no reason to withhold it, because a restart
 * would only lose the cache. If the signs stay away, the manager restarts the service.
 */
export class ServiceWatchdog implements Disposable {
  readonly #components: ServiceWatchdogComponents;
  readonly #limitMs: number;
  #timer: Timer;
  #closed = false;

  /** @param limitMs time without a sign of life after which the manager ends the service */
  constructor(components: ServiceWatchdogComponents, limitMs: number) {
    this.#components = components;
    this.#limitMs = limitMs;
    this.#timer = this.#checkAfter(0);
  }

  #checkAfter(delayMs: number): Timer {
    const { clock } = this.#components;
    const dueAt = clock.now() + delayMs;
    return clock.schedule(delayMs, () => void this.#check(clock.now() - dueAt));
  }

  async #check(delayMs: number): Promise<void> {
    const { channel, onFailed } = this.#components;
    const reason = delayMs > MAX_DELAY_MS ? 'the event loop was late' : await this.#askSelf();
    if (this.#closed) return;
    if (reason === undefined) channel.send('WATCHDOG=1');
    else onFailed({ reason, delaySeconds: Math.round(delayMs / MS_PER_SECOND) });
    this.#timer = this.#checkAfter(this.#limitMs * (reason === undefined ? PING_SHARE : RETRY_SHARE));
  }

  /** Why a query is not answered. Undefined if one was. */
  async #askSelf(): Promise<string | undefined> {
    const { promise: late, resolve } = Promise.withResolvers<'late'>();
    const timer = this.#components.clock.schedule(MAX_DELAY_MS, () => resolve('late'));
    try {
      const answered = await Promise.race([this.#components.ask(), late]);
      if (answered === 'late') return 'a query to itself was not answered in time';
      return answered ? undefined : 'a query to itself was answered wrongly';
    } catch {
      return 'a query to itself failed';
    } finally {
      timer.cancel();
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer.cancel();
  }
}
