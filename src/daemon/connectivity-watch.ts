import type { Clock, Timer } from '../lib/clock.ts';
import { type NetworkInterfaces, readNetworkAddresses } from '../lib/network-addresses.ts';

/**
 * Poll interval. A query sent earlier after a change may still meet a dead connection. Node cannot subscribe to the
 * kernel's events (rtnetlink). A poll takes about 60 µs (measured, with 5 addresses and with 42).
 */
const POLL_MS = 2000;

/**
 * A shorter sleep does not cost a connection. Well above one second, because the system may round the time since boot
 * to seconds.
 */
const SLEEP_MS = 10_000;

interface ConnectivityWatchComponents {
  readonly clock: Clock;
  readonly networkInterfaces: NetworkInterfaces;
}

/** If one poll notices both, only the first is reported: they call for the same action. */
interface ConnectivityEvents {
  onWakeUp(sleptMs: number): void;
  /** The machine has an address that it did not have at the last poll. */
  onNewAddress(): void;
}

/**
 * Detects two events that leave dead connections looking open for many minutes:
 *
 * - The machine slept. The time since boot advanced while the monotonic clock stood still (Linux's CLOCK_BOOTTIME and
 *   CLOCK_MONOTONIC). The wall clock is ignored, because it can also be set while the machine is awake.
 * - The machine joined another network, or came back to one. Losing an address is not such an event: without a network
 *   there is nothing to reconnect over.
 */
export class ConnectivityWatch implements Disposable {
  readonly #components: ConnectivityWatchComponents;
  readonly #events: ConnectivityEvents;
  #asleepMs: number | undefined;
  #addresses: ReadonlySet<string>;
  #timer: Timer;

  constructor(components: ConnectivityWatchComponents, events: ConnectivityEvents) {
    this.#components = components;
    this.#events = events;
    this.#asleepMs = this.#readAsleep();
    this.#addresses = this.#readAddresses() ?? new Set();
    this.#timer = this.#schedulePoll();
  }

  #schedulePoll(): Timer {
    return this.#components.clock.schedule(POLL_MS, () => {
      this.#timer = this.#schedulePoll();
      const sleptMs = this.#sleptMs();
      const hasNewAddress = this.#hasNewAddress();
      if (sleptMs > SLEEP_MS) this.#events.onWakeUp(sleptMs);
      else if (hasNewAddress) this.#events.onNewAddress();
    });
  }

  #sleptMs(): number {
    const before = this.#asleepMs;
    this.#asleepMs = this.#readAsleep() ?? before;
    return before === undefined || this.#asleepMs === undefined ? 0 : this.#asleepMs - before;
  }

  /** Total sleep since boot in milliseconds, plus a constant. Undefined where the system does not report it. */
  #readAsleep(): number | undefined {
    const { clock } = this.#components;
    try {
      return clock.bootMs() - clock.now();
    } catch {
      return undefined;
    }
  }

  #hasNewAddress(): boolean {
    const before = this.#addresses;
    this.#addresses = this.#readAddresses() ?? before;
    return [...this.#addresses].some((address) => !before.has(address));
  }

  /** With their interface: the same address on another one is another path to the Tor network. */
  #readAddresses(): ReadonlySet<string> | undefined {
    return readNetworkAddresses(this.#components.networkInterfaces);
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }
}
