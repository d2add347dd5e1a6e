import type { Clock, Timer } from '../../lib/clock.ts';
import type { NotifyChannel } from './notify-channel.ts';

/**
 * Interval at which the headline is read. It is derived from counters and states, which report no changes, and most
 * changes of it come from timers anyway.
 */
const HEADLINE_MS = 2000;

interface ServiceNoticesComponents {
  readonly clock: Clock;
  readonly channel: Pick<NotifyChannel, 'send'>;
  /** The state of the service in one sentence. Never contains a queried name. */
  readonly headline: () => string;
}

/**
 * Tells the service manager when queries are taken (`READY=1`), in which state the service is (`STATUS=`, which
 * `systemctl status` shows), and when it reloads or stops.
 */
export class ServiceNotices implements Disposable {
  readonly #components: ServiceNoticesComponents;
  #shown = '';
  #timer: Timer | undefined;

  /** Announces that queries are taken, which starts the units that wait for it. Tor need not be up. */
  constructor(components: ServiceNoticesComponents) {
    this.#components = components;
    this.#announceReady();
    this.#showLater();
  }

  /** Announces that the configuration is read again. The next call must be {@link reloaded}, also after a failure. */
  reloading(): void {
    const { channel, clock } = this.#components;
    channel.send('RELOADING=1', `MONOTONIC_USEC=${clock.monotonicMicros()}`);
  }

  /** Announces that the reload has ended. */
  reloaded(): void {
    this.#announceReady();
  }

  #announceReady(): void {
    this.#shown = this.#components.headline();
    this.#components.channel.send('READY=1', `STATUS=${this.#shown}`);
  }

  #showLater(): void {
    const { clock, channel, headline } = this.#components;
    this.#timer = clock.schedule(HEADLINE_MS, () => {
      this.#showLater();
      const now = headline();
      if (now === this.#shown) return;
      this.#shown = now;
      channel.send(`STATUS=${now}`);
    });
  }

  /** Announces the stop. */
  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#components.channel.send('STOPPING=1', 'STATUS=Stopping: answering the queries in flight.');
  }
}
