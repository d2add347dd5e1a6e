import { type BackOff, drawPauseMs } from '../../lib/back-off.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Random } from '../../lib/random.ts';
import { type OnionAlternative, parseAltSvc } from './alt-svc-field.ts';

/** Where an alternative service is dialled. */
export type AlternativeTarget = Pick<OnionAlternative, 'host' | 'port'>;

export interface AlternativeServicesComponents {
  readonly clock: Clock;
  readonly random: Random;
  /** Alternatives are known where none were. */
  readonly onLearnt: (count: number) => void;
}

/** However long the resolver says: see {@link AlternativeServices} on tracking. Also what RFC 7838 §3.1 takes where it says nothing. */
const MAX_AGE_MS = 86_400_000;

/**
 * After a failure. A connection is made every few minutes, so that a service which is down for long is tried with few of them, and one which
 * is back is used again within the hour.
 */
const BACK_OFF: BackOff = { firstMs: 60_000, longestMs: 3_600_000 };

interface Entry {
  readonly service: OnionAlternative;
  freshUntil: number;
  /** In a row. */
  failures: number;
  retryAt: number;
  /** Since all others were chosen the last time. */
  chosen: boolean;
}

/**
 * The onions at which a resolver known by name says it can be reached too (RFC 7838). Later connections go there and never pass an exit.
 *
 * An alternative takes the name's place in dialling and nowhere else (§2): SNI, `:authority` and the names and pins of the certificate stay
 * those of the name, which are the "reasonable assurances" of §2.1. The field is taken only from responses on such authenticated connections,
 * so that no exit can put one in. There is no Alt-Used (§5): who answers at an onion knows where it was reached, and each header is one more
 * to recognise a client by (RFC 8484 §8.2).
 *
 * Tracking (§9.4): a resolver that names another onion to each client sees which of its connections are one client's, which the circuits'
 * identities are there to hide. That cannot be told from honest load balancing, but it can be kept from lasting: what is learnt is kept in
 * memory only, for a day at most, and the time runs from what the name itself said. An alternative cannot prolong its own life, nor name
 * others; so at least once a day each circuit begins anew at the name, like everybody's.
 */
export class AlternativeServices {
  readonly #components: AlternativeServicesComponents;
  #entries = new Map<string, Entry>();
  /** The value that the entries are of. */
  #fieldValue: string | undefined;

  constructor(components: AlternativeServicesComponents) {
    this.#components = components;
  }

  /** How many could be dialled now, but for failures. */
  get fresh(): number {
    return this.#fresh().length;
  }

  /**
   * Takes the Alt-Svc field of a response; cheap where it is what it was.
   * @param ageSeconds how long HTTP caches have held the response
   * @param teller the alternative that gave the response; undefined if it was the name
   */
  note(fieldValue: string, ageSeconds: number, teller: AlternativeTarget | undefined): void {
    const changed = fieldValue !== this.#fieldValue;
    if (teller !== undefined) {
      if (changed && parseAltSvc(fieldValue) === 'clear') this.#forget();
      return;
    }
    const freshBefore = this.fresh;
    if (changed) this.#replace(fieldValue);
    const generatedAt = this.#components.clock.now() - ageSeconds * 1000;
    for (const entry of this.#entries.values()) {
      entry.freshUntil = generatedAt + Math.min(entry.service.maxAgeSeconds * 1000, MAX_AGE_MS);
    }
    if (freshBefore === 0 && this.fresh > 0) this.#components.onLearnt(this.fresh);
  }

  /**
   * Where the next connection should go; undefined for the name itself. The server's order (§3) is not followed: each is chosen once before
   * any is chosen again, so that several circuits are at several onions, and by chance, so that their order shows no client.
   */
  choose(): AlternativeTarget | undefined {
    const now = this.#components.clock.now();
    const usable = this.#fresh().filter(({ retryAt }) => now >= retryAt);
    if (usable.every(({ chosen }) => chosen)) for (const entry of usable) entry.chosen = false;
    const candidates = usable.filter(({ chosen }) => !chosen);
    const entry = candidates[Math.floor(this.#components.random.fraction() * candidates.length)];
    if (entry === undefined) return undefined;
    entry.chosen = true;
    return entry.service;
  }

  /**
   * It could not be connected to, showed a wrong certificate or gave no answers: it is not chosen for a while. §6 asks for no more after a
   * 421 either: were it removed, the next response of the name would bring it back.
   */
  failed(target: AlternativeTarget): void {
    const entry = this.#entries.get(keyOf(target));
    if (entry === undefined) return;
    const { clock, random } = this.#components;
    entry.retryAt = clock.now() + drawPauseMs(BACK_OFF, entry.failures++, random);
  }

  /** It gave an answer. */
  succeeded(target: AlternativeTarget): void {
    const entry = this.#entries.get(keyOf(target));
    if (entry === undefined) return;
    entry.failures = 0;
    entry.retryAt = -Infinity;
  }

  /** §2.2: then those without `persist=1` go. */
  networkChanged(): void {
    this.#fieldValue = undefined;
    for (const [key, { service }] of this.#entries) if (!service.persist) this.#entries.delete(key);
  }

  #fresh(): Entry[] {
    const now = this.#components.clock.now();
    return [...this.#entries.values()].filter(({ freshUntil }) => now < freshUntil);
  }

  /** §3.1: a field value replaces all that was known. What is known of a service's failures stays true. */
  #replace(fieldValue: string): void {
    const before = this.#entries;
    this.#forget();
    this.#fieldValue = fieldValue;
    const services = parseAltSvc(fieldValue);
    if (services === 'clear') return;
    for (const service of services) {
      const key = keyOf(service);
      const { failures = 0, retryAt = -Infinity, chosen = false } = before.get(key) ?? {};
      this.#entries.set(key, { service, freshUntil: -Infinity, failures, retryAt, chosen });
    }
  }

  #forget(): void {
    this.#entries = new Map();
    this.#fieldValue = undefined;
  }
}

function keyOf({ host, port }: AlternativeTarget): string {
  return `${host}:${port}`;
}
