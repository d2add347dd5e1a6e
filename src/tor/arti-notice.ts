import { toDns4torError } from '../failures/errors.ts';
import type { ErrorCode } from '../failures/failures.ts';
import type { Clock } from '../lib/clock.ts';
import { formatTorAddress, type TorAddress } from '../model/tor-address.ts';
import { verifyTor } from './socks/find-socks.ts';
import type { JudgePeer } from './socks/socks-peer.ts';
import type { TorEvents } from './tor-events.ts';

/** The configured SOCKS address, and who hears that arti listens there. */
export interface ArtiNoticeOptions {
  readonly socks: TorAddress;
  readonly clock: Clock;
  readonly judgePeer: JudgePeer;
  readonly events: Pick<TorEvents, 'onArti'>;
  /** Whether the program is known to be tor. */
  readonly isTor: () => boolean;
}

/** Reports, once, that the program at a configured SOCKS address is arti, which lacks some functions of tor. */
export class ArtiNotice implements AsyncDisposable {
  readonly #options: ArtiNoticeOptions;
  readonly #closing: AbortController = new AbortController();
  #isSettled = false;
  #looking: Promise<void> | undefined;

  /** Looks at once, and again at the first stream if no program listens yet. */
  constructor(options: ArtiNoticeOptions) {
    this.#options = options;
    this.#look();
  }

  /** Records how a dial through this address ended. */
  observe(outcome: 'ok' | ErrorCode): void {
    if (outcome === 'ok') this.#look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#looking;
  }

  #look(): void {
    if (this.#isSettled || this.#closing.signal.aborted || this.#options.isTor()) return;
    this.#looking ??= this.#identify().finally(() => (this.#looking = undefined));
  }

  async #identify(): Promise<void> {
    const { socks, clock, judgePeer, events } = this.#options;
    try {
      const { program } = await verifyTor(socks, clock, judgePeer, this.#closing.signal);
      this.#isSettled = true;
      if (program === 'arti') events.onArti(formatTorAddress(socks));
    } catch (error) {
      this.#isSettled = toDns4torError(error).code === 'ERR_TOR_NOT_SOCKS';
    }
  }
}
