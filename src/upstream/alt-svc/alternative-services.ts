import { type BackOff, drawPauseMs } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import { MS_PER_SECOND } from '../../lib/units.ts';
import { type OnionAlternative, parseAltSvc } from './alt-svc-field.ts';

/** Address of an alternative service. */
export type AlternativeTarget = Pick<OnionAlternative, 'host' | 'port'>;

interface AlternativeServicesComponents {
  readonly clock: Clock;
  readonly random: Random;
  /** Fresh alternatives are known now, and none were before. */
  readonly onDiscovered: (count: number) => void;
}

/**
 * Upper bound for the lifetime of an alternative, whatever the resolver says: 24 hours, the default of RFC 7838 §3.1.
 * See {@link AlternativeServices} on tracking.
 */
const MAX_AGE_MS = 86_400_000;

/**
 * Pauses after failures of an alternative. A connection is opened every few minutes, so few of them try a service that
 * is down for long, and one that has recovered is used again within an hour.
 */
const BACK_OFF: BackOff = { firstMs: 60_000, longestMs: 3_600_000 };

interface Entry {
  readonly service: OnionAlternative;
  /** End of freshness, on the monotonic clock. */
  freshUntil: number;
  /** Consecutive failures. */
  failures: number;
  retryAt: number;
  /** Whether it was chosen in the current round. A round ends when all usable entries have been chosen. */
  isChosen: boolean;
}

/**
 * The onion services that a resolver known by name announces as alternatives (RFC 7838). New connections go there
 * instead of through an exit.
 *
 * An alternative replaces only the address to dial (§2). SNI, `:authority`, the certificate's names and pins stay those
 * of the name; they are the "reasonable assurances" of §2.1. The Alt-Svc field is accepted only from responses on such
 * authenticated connections, so no exit can inject one. No Alt-Used field (§5) is sent: the server at an onion knows
 * its address, and each header field makes a client easier to recognise (RFC 8484 §8.2).
 *
 * Tracking (§9.4): a resolver that announces a different onion to each client can link that client's connections, which
 * stream isolation is meant to prevent. It cannot be told apart from load balancing, but it can be limited in time.
 * Alternatives are kept in memory only, for at most a day from the last response of the name itself. An alternative
 * cannot prolong its lifetime or announce others. So at least once a day, each connection goes to the name again.
 */
export class AlternativeServices {
  readonly #components: AlternativeServicesComponents;
  #entries = new Map<string, Entry>();
  /** The field value that the entries come from. */
  #fieldValue: string | undefined;

  constructor(components: AlternativeServicesComponents) {
    this.#components = components;
  }

  /** Number of fresh alternatives, including those that have failed recently. */
  get freshCount(): number {
    return this.#fresh().length;
  }

  /**
   * Applies the Alt-Svc field of a response. Cheap if the value has not changed.
   * @param ageSeconds how long HTTP caches have held the response
   * @param source the alternative that sent the response; undefined if it was the name
   */
  update(fieldValue: string, ageSeconds: number, source: AlternativeTarget | undefined): void {
    const isChanged = fieldValue !== this.#fieldValue;
    if (source !== undefined) {
      if (isChanged && parseAltSvc(fieldValue) === 'clear') this.#clear();
      return;
    }
    const countBefore = this.freshCount;
    if (isChanged) this.#replace(fieldValue);
    const generatedAt = this.#components.clock.now() - ageSeconds * MS_PER_SECOND;
    for (const entry of this.#entries.values()) {
      entry.freshUntil = generatedAt + Math.min(entry.service.maxAgeSeconds * MS_PER_SECOND, MAX_AGE_MS);
    }
    if (countBefore === 0 && this.freshCount > 0) this.#components.onDiscovered(this.freshCount);
  }

  /**
   * Chooses the target of the next connection; undefined for the name itself. The order of the server (§3) is ignored.
   * Each alternative is chosen once before any is chosen again, so that connections spread over several onions. The
   * choice is random, so that the order identifies no client.
   */
  choose(): AlternativeTarget | undefined {
    const now = this.#components.clock.now();
    const usable = this.#fresh().filter(({ retryAt }) => now >= retryAt);
    if (usable.every(({ isChosen }) => isChosen)) for (const entry of usable) entry.isChosen = false;
    const candidates = usable.filter(({ isChosen }) => !isChosen);
    const entry = candidates[Math.floor(this.#components.random.fraction() * candidates.length)];
    if (entry === undefined) return undefined;
    entry.isChosen = true;
    return entry.service;
  }

  /**
   * Records that an alternative was unreachable, had a wrong certificate or gave no answers. It is not chosen for a
   * while. The same applies to a 421 response (§6): if the entry were removed, the next response of the name would
   * restore it.
   */
  recordFailure(target: AlternativeTarget): void {
    const entry = this.#entries.get(keyOf(target));
    if (entry === undefined) return;
    const { clock, random } = this.#components;
    entry.retryAt = clock.now() + drawPauseMs(BACK_OFF, entry.failures++, random);
  }

  /** Records an answer from an alternative. */
  recordSuccess(target: AlternativeTarget): void {
    const entry = this.#entries.get(keyOf(target));
    if (entry === undefined) return;
    entry.failures = 0;
    entry.retryAt = -Infinity;
  }

  /** Removes the alternatives without `persist=1`, as RFC 7838 §2.2 recommends after a change of network. */
  networkChanged(): void {
    this.#fieldValue = undefined;
    for (const [key, { service }] of this.#entries) if (!service.persist) this.#entries.delete(key);
  }

  #fresh(): Entry[] {
    const now = this.#components.clock.now();
    return [...this.#entries.values()].filter(({ freshUntil }) => now < freshUntil);
  }

  /** Replaces all entries, as §3.1 requires for a new field value. Failures of a service that stays are kept. */
  #replace(fieldValue: string): void {
    const before = this.#entries;
    this.#clear();
    this.#fieldValue = fieldValue;
    const services = parseAltSvc(fieldValue);
    if (services === 'clear') return;
    for (const service of services) {
      const key = keyOf(service);
      const { failures = 0, retryAt = -Infinity, isChosen = false } = before.get(key) ?? {};
      this.#entries.set(key, { service, freshUntil: -Infinity, failures, retryAt, isChosen });
    }
  }

  #clear(): void {
    this.#entries = new Map();
    this.#fieldValue = undefined;
  }
}

function keyOf({ host, port }: AlternativeTarget): string {
  return `${host}:${port}`;
}
