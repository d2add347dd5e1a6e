import { BOOTSTRAPPED_PERCENT, CIRCUIT_STATES, type CircuitState, type TorStatus } from '../../model/tor-status.ts';
import { parseBootstrapPhase } from './bootstrap-phase.ts';

const CIRCUIT_ESTABLISHED = /^(?:STATUS_CLIENT \w+ CIRCUIT_(NOT_)?ESTABLISHED\b|status\/circuit-established=(0)?)/;
const CIRCUIT = 'CIRC ';
const CIRCUITS = 'circuit-status=';

/** Tor's status, assembled from its events and its replies to GETINFO. */
export class TorReport {
  readonly #onBootstrap: (percent: number, summary: string) => void;
  readonly #circuits: CircuitTable = new CircuitTable();
  #percent: number | undefined;
  #summary = '';
  #established = false;

  /** @param onBootstrap receives the first bootstrap phase and every change; percent is 0 to 100 */
  constructor(onBootstrap: (percent: number, summary: string) => void) {
    this.#onBootstrap = onBootstrap;
  }

  /** Reads the lines of a STATUS_CLIENT or CIRC event, or of a reply to GETINFO. Ignores unknown lines. */
  observe(lines: readonly string[]): void {
    for (const line of lines) this.#observe(line);
  }

  get status(): TorStatus {
    // At 100 % Tor can still be without a circuit: after a clock jump, or with an outdated view of the network.
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
    const phase = parseBootstrapPhase(line);
    if (phase !== undefined) return this.#setPhase(phase.percent, phase.summary);
    const established = CIRCUIT_ESTABLISHED.exec(line);
    if (established !== null) this.#established = established[1] === undefined && established[2] === undefined;
  }

  #setPhase(percent: number, summary: string): void {
    // Tor may send an event that is older than its reply to GETINFO. Progress only ever grows until it is complete.
    const isOld = this.#percent !== BOOTSTRAPPED_PERCENT && percent < (this.#percent ?? 0);
    if (isOld || (percent === this.#percent && summary === this.#summary)) return;
    this.#percent = percent;
    this.#summary = summary;
    this.#onBootstrap(percent, summary);
  }
}

/** Tor's circuits by ID, with their CircStatus (control-spec, "CIRC" and "GETINFO circuit-status"). */
class CircuitTable {
  readonly #states: Map<string, CircuitState> = new Map();

  /** Replaces all circuits by those of a `circuit-status` reply, one per line. */
  replace(lines: readonly string[]): void {
    this.#states.clear();
    for (const line of lines) this.update(line);
  }

  /** Updates one circuit. The line starts with CircuitID and CircStatus; the rest is ignored. */
  update(line: string): void {
    const [id = '', status = ''] = line.split(' ', 2);
    const state = CIRCUIT_STATES.find((name) => name.toUpperCase() === status);
    // FAILED and CLOSED end a circuit.
    if (state === undefined) this.#states.delete(id);
    else this.#states.set(id, state);
  }

  counts(): Record<CircuitState, number> {
    const counts: Record<CircuitState, number> = { launched: 0, guard_wait: 0, extended: 0, built: 0 };
    for (const state of this.#states.values()) counts[state]++;
    return counts;
  }
}
