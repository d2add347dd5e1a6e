import { networkInterfaces } from 'node:os';
import type { Config } from '../config/config.ts';
import type { Clock } from '../lib/clock.ts';
import { readNetworkAddresses } from '../lib/network-addresses.ts';
import type { Random } from '../lib/random.ts';
import type { TorStatus } from '../model/tor-status.ts';
import type { PauseAdvice } from '../system/pause-advice.ts';
import { createSocksPeerJudge } from '../system/sockets/socks-owner.ts';
import { stateDirectory } from '../tor/process/state-directory.ts';
import { openTor, type Tor } from '../tor/tor.ts';
import type { TorEvents } from '../tor/tor-events.ts';

const UNKNOWN_STATUS: TorStatus = { state: 'unknown', bootstrapPercent: 0 };

/**
 * Holds the Tor of a service. The service takes queries before Tor is found or started; connections wait for it here.
 * Disposing the slot disposes Tor.
 */
export class TorSlot implements AsyncDisposable {
  readonly #filled = Promise.withResolvers<Tor>();
  readonly #pauseAdvice: PauseAdvice;
  #tor: Tor | undefined;

  /** @param pauseAdvice adds to what the status says about trouble */
  constructor(pauseAdvice: PauseAdvice) {
    this.#pauseAdvice = pauseAdvice;
  }

  /** Resolves when Tor is found or started. */
  get opened(): Promise<Tor> {
    return this.#filled.promise;
  }

  /** Undefined until Tor is found or started. */
  get current(): Tor | undefined {
    return this.#tor;
  }

  get status(): TorStatus {
    const status = this.#tor?.state() ?? UNKNOWN_STATUS;
    const { trouble } = status;
    return trouble === undefined ? status : { ...status, trouble: this.#pauseAdvice.advise(trouble) };
  }

  /** Call it once. */
  fill(tor: Tor): void {
    this.#tor = tor;
    this.#filled.resolve(tor);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tor?.[Symbol.asyncDispose]();
  }
}

/** What opening Tor needs from the rest of the program. */
export interface TorComponents {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  /** Environment of the process. It names the state directory of a managed tor. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds or starts Tor as configured.
 * @throws Dns4torError ERR_TOR_BINARY_MISSING, ERR_TOR_IN_USE, ERR_TOR_MANAGED or ERR_UNTRUSTED_PATH if a Tor has to be
 *   started
 */
export function openConfiguredTor({ config, clock, random, env }: TorComponents, events: TorEvents): Promise<Tor> {
  const { socks, binary, bridges, transports, options, control, onionAuths } = config.tor;
  return openTor(socks, {
    binary,
    stateDirectory: () => stateDirectory(env),
    bridges,
    transports,
    torOptions: options,
    control,
    judgePeer: createSocksPeerJudge(clock),
    onionAuths,
    clock,
    random,
    events,
    // If the kernel does not tell, assume a network: Tor's own reports then decide.
    hasNetwork: () => readNetworkAddresses(networkInterfaces)?.size !== 0,
  });
}
