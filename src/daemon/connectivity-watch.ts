import { BlockList } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { Clock, Timer } from '../lib/clock.ts';

/**
 * How often it is looked; a query that comes sooner after a change may still meet a dead connection. Looking is all there is, for Node cannot
 * listen to the kernel's own reports (rtnetlink); a look takes about 60 µs (measured, with 5 addresses and with 42), a thirty-thousandth of
 * the time.
 */
const LOOK_MS = 2000;

/**
 * A shorter sleep does not cost a connection. Well above one second, because the system may round the time since boot
 * to seconds.
 */
const SLEEP_MS = 10_000;

/** Addresses that an interface gives itself (RFC 3927 §2.1, RFC 4291 §2.5.6): no way to Tor's network leads over them. */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');

export interface ConnectivityWatchComponents {
  readonly clock: Clock;
  /** {@link import('node:os').networkInterfaces}: what is up and running, by name. */
  readonly networkInterfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
}

/** Of two that are noticed at one look, the first alone is told: what is to be done is the same. */
export interface ConnectivityEvents {
  onWakeUp(sleptMs: number): void;
  /** The machine has an address that it had not at the last look. */
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
    this.#timer = this.#lookLater();
  }

  #lookLater(): Timer {
    return this.#components.clock.schedule(LOOK_MS, () => {
      this.#timer = this.#lookLater();
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

  /** Each with its interface, since one address on two is two ways. Undefined where the kernel does not say, as when it lacks a descriptor. */
  #readAddresses(): ReadonlySet<string> | undefined {
    let interfaces: ReturnType<ConnectivityWatchComponents['networkInterfaces']>;
    try {
      interfaces = this.#components.networkInterfaces();
    } catch {
      return undefined;
    }
    const addresses = new Set<string>();
    for (const [name, list = []] of Object.entries(interfaces)) {
      for (const { address, family, internal } of list) {
        const linkLocal = LINK_LOCAL.check(address, family === 'IPv6' ? 'ipv6' : 'ipv4');
        if (!internal && !linkLocal) addresses.add(`${name} ${address}`);
      }
    }
    return addresses;
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }
}
