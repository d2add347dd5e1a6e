import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';

/**
 * SOCKS credentials for stream isolation: Tor never puts streams with different credentials on the same circuit
 * (IsolateSOCKSAuth, on by default). Tor accepts any values. Neither is empty: with an empty one, SOCKS clients
 * silently skip authentication.
 */
export interface IsolationCredentials {
  readonly username: string;
  readonly password: string;
}

/** 128 bits. A program that guessed them could join our circuits, and count our queries by their timing. */
const SECRET_BYTES = 16;

/**
 * Creates random credentials. They are hexadecimal because Tor treats user names that begin with `<torS0X>` specially
 * (socks-extensions.txt §1.1).
 */
export function createIsolationCredentials(random: Random): IsolationCredentials {
  const secret = (): string => Buffer.from(random.bytes(SECRET_BYTES)).toString('hex');
  return { username: secret(), password: secret() };
}

interface SharedIdentity {
  readonly number: number;
  readonly credentials: IsolationCredentials;
  readonly createdAt: number;
}

/**
 * Credentials that several upstreams share, so that Tor may carry them on the same circuits: the n-th connection of
 * each upstream gets the same credentials. No upstream gets any twice, because its connections need circuits of their
 * own, and a new connection after a failure needs a new circuit.
 */
export class SharedIdentities {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #maxAgeMs: number;
  /** Identities that may still be handed out, the oldest first. */
  #fresh: readonly SharedIdentity[] = [];
  #created = 0;

  /**
   * @param maxAgeMs how long an identity is handed out to further upstreams; connections that have it may live longer
   */
  constructor(clock: Clock, random: Random, maxAgeMs: number) {
    this.#clock = clock;
    this.#random = random;
    this.#maxAgeMs = maxAgeMs;
  }

  /** Creates the source of one upstream: each call returns the credentials for its next connection. */
  createSource(): () => IsolationCredentials {
    let last = 0;
    return () => {
      const oldest = this.#clock.now() - this.#maxAgeMs;
      this.#fresh = this.#fresh.filter(({ createdAt }) => createdAt > oldest);
      const next = this.#fresh.find(({ number }) => number > last) ?? this.#create();
      last = next.number;
      return next.credentials;
    };
  }

  /** Discards all identities, so that new connections avoid the old circuits, which may have stopped working. */
  renew(): void {
    this.#fresh = [];
  }

  #create(): SharedIdentity {
    this.#created++;
    const credentials = createIsolationCredentials(this.#random);
    const identity = { number: this.#created, credentials, createdAt: this.#clock.now() };
    this.#fresh = [...this.#fresh, identity];
    return identity;
  }
}
