import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { NetworkInterfaces } from '../../lib/network-addresses.ts';
import type { ListenerInit } from '../../listener/listener.ts';
import { dependOnMachine, findWantedAddresses, hasWildcard, type WantedAddress } from '../expand-addresses.ts';

/** Poll interval. Node cannot subscribe to the kernel's events (rtnetlink). A poll takes about 60 µs. */
const POLL_MS = 2000;

/** Maximum number of ports to try. The system picks a free UDP port, which another program may hold for TCP. */
const PORT_ATTEMPTS = 10;

/**
 * Attempts before a warning that an address of the machine cannot be bound. IPv6 makes sure for one or two seconds that
 * nobody else has a new address, and refuses to bind it meanwhile (RFC 4862 §5.4).
 */
const TENTATIVE_ATTEMPTS = 3;

/** The sockets of one address. */
export interface AddressSockets extends AsyncDisposable {
  readonly port: number;
  /** Accepts no further query. Resolves once those in flight are answered, or after a time limit. */
  drain(): Promise<void>;
}

/** What the follower reports. None may throw or reject. */
export interface FollowerEvents {
  onOpened(address: string, port: number): void;
  /** The machine has lost the address. */
  onClosed(address: string, port: number): void;
  /** The address cannot be bound, which is tried again. Called once until it was bound or the machine has lost it. */
  onFailed(address: string, port: number, error: Dns4torError): void | Promise<void>;
  /** At the start, there is no address to bind. @param addresses the configured ones */
  onNothing(addresses: readonly string[], port: number): void;
}

interface FollowerComponents {
  readonly clock: Clock;
  readonly networkInterfaces: NetworkInterfaces;
  /** Binds an address. @throws Dns4torError ERR_LISTEN_*; nothing is open then */
  readonly open: (address: string, port: number) => Promise<AddressSockets>;
  readonly events: FollowerEvents;
}

interface FollowerInit {
  /** As configured; see {@link findWantedAddresses}. */
  readonly addresses: readonly string[];
  /** 0 takes one that is free for UDP and TCP on all addresses of the start. */
  readonly port: number;
}

/**
 * Listens on the configured addresses as the machine gains and loses them, all on one port:
 *
 * - Addresses that `0.0.0.0`, `::` and `localhost` stand for are bound within two seconds after they appear, and closed
 *   within two seconds after they are gone.
 * - A configured address that the machine does not have yet is bound as soon as it exists. It is never closed: the
 *   socket works again when the address comes back.
 */
export class AddressFollower implements AsyncDisposable {
  readonly #components: FollowerComponents;
  readonly #init: FollowerInit;
  #port: number;
  readonly #bound = new Map<string, AddressSockets>();
  /** Sockets of lost addresses that still answer what is in flight. */
  readonly #closing = new Map<string, Promise<void>>();
  /** Number of attempts in a row that failed, by address. */
  readonly #failures = new Map<string, number>();
  #timer: Timer | undefined;
  #polling: Promise<void> = Promise.resolve();
  #stopped = false;

  private constructor(components: FollowerComponents, init: FollowerInit) {
    this.#components = components;
    this.#init = init;
    this.#port = init.port;
  }

  /**
   * Binds the addresses that exist now.
   * @throws Dns4torError ERR_LISTEN_* if a configured address cannot be bound although it exists, or if no address at
   * all can be bound. With a wildcard, it is no error that there is none yet.
   */
  static async start(components: FollowerComponents, init: FollowerInit): Promise<AddressFollower> {
    for (let attempt = 1; ; attempt++) {
      const follower = new AddressFollower(components, init);
      try {
        await follower.#bindFirst();
        return follower;
      } catch (error) {
        await follower[Symbol.asyncDispose]();
        const mayDiffer = init.port === 0 && error instanceof Dns4torError && error.code === 'ERR_LISTEN_IN_USE';
        if (!mayDiffer || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  /** The addresses and ports that are answered on now. */
  get addresses(): readonly ListenerInit[] {
    return [...this.#bound].map(([address, { port }]) => ({ address, port }));
  }

  async #bindFirst(): Promise<void> {
    const { addresses, port } = this.#init;
    const failed: { readonly wanted: WantedAddress; readonly error: Dns4torError }[] = [];
    for (const wanted of this.#readWanted() ?? findWantedAddresses(addresses, () => ({}))) {
      try {
        await this.#bind(wanted.address);
      } catch (thrown) {
        const error = toDns4torError(thrown);
        const mayWait = error.code === 'ERR_LISTEN_ADDRESS' || (!wanted.isRequired && port !== 0);
        if (!mayWait) throw error;
        failed.push({ wanted, error });
      }
    }
    const fatal = failed.find(({ wanted, error }) => wanted.isFixed || error.code !== 'ERR_LISTEN_ADDRESS');
    if (this.#bound.size === 0 && (fatal !== undefined || !hasWildcard(addresses))) {
      throw fatal?.error ?? new Dns4torError('ERR_LISTEN_ADDRESS', addresses.join(', '));
    }
    // Reported only now: an error at the start needs no warnings before it.
    for (const { address, port: boundPort } of this.addresses) this.#components.events.onOpened(address, boundPort);
    for (const { wanted, error } of failed) this.#noteFailure(wanted, error);
    if (this.#bound.size === 0) this.#components.events.onNothing(addresses, port);
    this.#schedulePoll();
  }

  async #bind(address: string): Promise<void> {
    const sockets = await this.#components.open(address, this.#port);
    this.#port = sockets.port;
    this.#bound.set(address, sockets);
  }

  #schedulePoll(): void {
    const { addresses } = this.#init;
    if (this.#stopped || (!dependOnMachine(addresses) && this.#failures.size === 0)) return;
    this.#timer = this.#components.clock.schedule(POLL_MS, () => {
      this.#polling = this.#poll().then(() => this.#schedulePoll());
    });
  }

  async #poll(): Promise<void> {
    const all = this.#readWanted();
    if (all === undefined) return;
    const wanted = new Map(all.map((each) => [each.address, each]));
    for (const [address, sockets] of this.#bound) if (!wanted.has(address)) this.#close(address, sockets);
    for (const address of this.#failures.keys()) if (!wanted.has(address)) this.#failures.delete(address);
    for (const each of wanted.values()) {
      const { address } = each;
      if (this.#stopped) return;
      if (!this.#bound.has(address) && !this.#closing.has(address)) await this.#tryToBind(each);
    }
  }

  async #tryToBind(wanted: WantedAddress): Promise<void> {
    try {
      await this.#bind(wanted.address);
    } catch (error) {
      return this.#noteFailure(wanted, toDns4torError(error));
    }
    this.#failures.delete(wanted.address);
    this.#components.events.onOpened(wanted.address, this.#port);
  }

  #noteFailure({ address, isFixed }: WantedAddress, error: Dns4torError): void {
    const failures = (this.#failures.get(address) ?? 0) + 1;
    this.#failures.set(address, failures);
    const mayBeTentative = error.code === 'ERR_LISTEN_ADDRESS' && !isFixed;
    if (failures === (mayBeTentative ? TENTATIVE_ATTEMPTS : 1)) {
      void this.#components.events.onFailed(address, this.#port, error);
    }
  }

  #close(address: string, sockets: AddressSockets): void {
    this.#bound.delete(address);
    this.#components.events.onClosed(address, sockets.port);
    const closed = sockets
      .drain()
      .then(() => sockets[Symbol.asyncDispose]())
      .finally(() => this.#closing.delete(address));
    this.#closing.set(address, closed);
  }

  /** Undefined if the kernel does not tell, for example for lack of a file descriptor. */
  #readWanted(): readonly WantedAddress[] | undefined {
    try {
      return findWantedAddresses(this.#init.addresses, this.#components.networkInterfaces);
    } catch {
      return undefined;
    }
  }

  /** Binds no further address, and drains those that are bound. */
  async drain(): Promise<void> {
    await this.#stop();
    await Promise.all([...this.#bound.values()].map((sockets) => sockets.drain()));
    await Promise.all(this.#closing.values());
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#polling;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await Promise.all([...this.#bound.values()].map((sockets) => sockets[Symbol.asyncDispose]()));
    await Promise.all(this.#closing.values());
    this.#bound.clear();
  }
}
