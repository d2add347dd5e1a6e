/**
 * Work in flight, by key: whoever asks for what is already being done joins it (request coalescing), so that a burst of the same question
 * is one question upstream.
 */
export class Pending<T> {
  readonly #flights = new Map<string, Promise<T>>();

  /** The flight under `key`, if one is under way. */
  get(key: string): Promise<T> | undefined {
    return this.#flights.get(key);
  }

  /** Begins `work` under `key`, which is free; it leaves by itself when it has ended. */
  start(key: string, work: () => Promise<T>): Promise<T> {
    const flight = work().finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }
}
