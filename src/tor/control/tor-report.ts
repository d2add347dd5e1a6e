import type { TorStatus } from '../../model/tor-status.ts';
import { CircuitTable } from './circuit-table.ts';

const BOOTSTRAP = /^(?:STATUS_CLIENT |status\/bootstrap-phase=)\w+ BOOTSTRAP PROGRESS=(\d{1,3})\b.* SUMMARY="([^"]*)"/;
const CIRCUIT_ESTABLISHED = /^(?:STATUS_CLIENT \w+ CIRCUIT_(NOT_)?ESTABLISHED\b|status\/circuit-established=(0)?)/;
const CIRCUIT = 'CIRC ';
const CIRCUITS = 'circuit-status=';

const BOOTSTRAPPED_PERCENT = 100;

/** Puts together what a tor tells of itself, in events and in answers alike. */
export class TorReport {
  readonly #onBootstrap: (percent: number, summary: string) => void;
  readonly #circuits: CircuitTable = new CircuitTable();
  #percent: number | undefined;
  #summary = '';
  #established = false;

  /** @param onBootstrap is told the first phase, and each that differs from the one before; percent is 0 to 100 */
  constructor(onBootstrap: (percent: number, summary: string) => void) {
    this.#onBootstrap = onBootstrap;
  }

  /** Takes the lines of an event STATUS_CLIENT or CIRC, or of GETINFO's answer. Passes over what it does not know. */
  observe(lines: readonly string[]): void {
    for (const line of lines) this.#observe(line);
  }

  get status(): TorStatus {
    // A tor that has got to 100 % says that it has no circuit when the clock has jumped, or its view of the network is too old.
    const isUp = this.#percent === BOOTSTRAPPED_PERCENT && this.#established;
    return {
      state: isUp ? 'up' : 'bootstrapping',
      bootstrapPercent: this.#percent ?? 0,
      bootstrapSummary: this.#summary,
      circuits: this.#circuits.counts(),
    };
  }

  #observe(line: string): void {
    if (line.startsWith(CIRCUIT)) return this.#circuits.update(line.slice(CIRCUIT.length));
    if (line.startsWith(CIRCUITS)) {
      return this.#circuits.replace(
        line
          .slice(CIRCUITS.length)
          .split('\n')
          .filter((circuit) => circuit !== ''),
      );
    }
    const [, percent, summary] = BOOTSTRAP.exec(line) ?? [];
    if (percent !== undefined && summary !== undefined) return this.#setPhase(Number(percent), summary);
    const established = CIRCUIT_ESTABLISHED.exec(line);
    if (established !== null) this.#established = established[1] === undefined && established[2] === undefined;
  }

  #setPhase(percent: number, summary: string): void {
    if (percent === this.#percent && summary === this.#summary) return;
    this.#percent = Math.min(percent, BOOTSTRAPPED_PERCENT);
    this.#summary = summary;
    this.#onBootstrap(this.#percent, summary);
  }
}
