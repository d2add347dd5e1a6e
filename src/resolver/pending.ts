import { Flight } from './flight.ts';

/**
 * Questions that are being asked, by key: whoever asks the same joins (request coalescing), so that a burst of one question is one question
 * upstream. There are never more than the bound: those that nobody waits for give way.
 */
export class Pending<T> {
  readonly #maxFlights: number;
  readonly #onEnd: (flight: Flight<T>) => void;
  /** The oldest first. */
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * @param maxFlights at least as many as are ever waited for at a time
   * @param onEnd called when a flight has ended; may be called again
   */
  constructor(maxFlights: number, onEnd: (flight: Flight<T>) => void = () => {}) {
    this.#maxFlights = maxFlights;
    this.#onEnd = onEnd;
  }

  get full(): boolean {
    return this.#flights.size >= this.#maxFlights;
  }

  /** The flight under `key`, if one is under way. */
  get(key: string): Flight<T> | undefined {
    return this.#flights.get(key);
  }

  /** A flight under `key`, which is free. It leaves by itself when it ends. */
  open(key: string): Flight<T> {
    if (this.full) this.#giveUpOldest();
    const flight = new Flight<T>(() => {
      this.#remove(key, flight);
      this.#onEnd(flight);
    });
    this.#flights.set(key, flight);
    return flight;
  }

  #giveUpOldest(): void {
    for (const [key, flight] of this.#flights) {
      if (flight.awaited) continue;
      // At once, since what it is doing may take a while to notice.
      this.#remove(key, flight);
      return flight.giveUp();
    }
  }

  #remove(key: string, flight: Flight<T>): void {
    // One that was given up has left before it ends, and its key may be another's by then.
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
