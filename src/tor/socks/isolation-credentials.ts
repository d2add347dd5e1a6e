import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';

/**
 * What Tor keeps apart: streams with different SOCKS credentials never share a circuit (IsolateSOCKSAuth, on by default).
 * Tor checks neither of the two; both are sent, and never empty.
 */
export interface IsolationCredentials {
  readonly username: string;
  readonly password: string;
}

// A guess would let another program of this machine join our circuits and count our queries by their timing: 128 bits.
const SECRET_BYTES = 16;

/**
 * One new identity. Hexadecimal, because Tor gives usernames that begin with `<torS0X>` a meaning of their own
 * (socks-extensions.txt §1.1), and because an empty one makes SOCKS clients leave authentication out without a word.
 */
export function createIsolationCredentials(random: Random): IsolationCredentials {
  const secret = (): string => Buffer.from(random.bytes(SECRET_BYTES)).toString('hex');
  return { username: secret(), password: secret() };
}

interface SharedIdentity {
  readonly number: number;
  readonly credentials: IsolationCredentials;
  readonly madeAt: number;
}

/**
 * Identities that several upstreams share, so that Tor may carry them on the same circuits: the n-th connection of each has the same. None
 * gets one twice, since what it wants several connections for is several circuits, and another one after a failure.
 */
export class SharedIdentities {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #maxAgeMs: number;
  /** The oldest first. */
  #young: readonly SharedIdentity[] = [];
  #made = 0;

  /** @param maxAgeMs how long an identity is given to further upstreams; those that have it keep it for as long as they like */
  constructor(clock: Clock, random: Random, maxAgeMs: number) {
    this.#clock = clock;
    this.#random = random;
    this.#maxAgeMs = maxAgeMs;
  }

  /** For one upstream: what its next connection is to have. */
  createSource(): () => IsolationCredentials {
    let last = 0;
    return () => {
      const oldest = this.#clock.now() - this.#maxAgeMs;
      this.#young = this.#young.filter(({ madeAt }) => madeAt > oldest);
      const next = this.#young.find(({ number }) => number > last) ?? this.#create();
      last = next.number;
      return next.credentials;
    };
  }

  /** From here on there are only new ones: over the circuits of the old nothing may come any more. */
  renew(): void {
    this.#young = [];
  }

  #create(): SharedIdentity {
    this.#made++;
    const credentials = createIsolationCredentials(this.#random);
    const identity = { number: this.#made, credentials, madeAt: this.#clock.now() };
    this.#young = [...this.#young, identity];
    return identity;
  }
}
