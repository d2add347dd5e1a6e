import { CIRCUIT_STATES, type CircuitState } from '../../model/tor-status.ts';

/** The circuits of a tor and their states, as it tells them (control-spec, "CIRC" and "GETINFO circuit-status"). */
export class CircuitTable {
  readonly #states: Map<string, CircuitState> = new Map();

  /** Takes what `GETINFO circuit-status` answered: one circuit on each line, or nothing. */
  replace(lines: readonly string[]): void {
    this.#states.clear();
    for (const line of lines) this.update(line);
  }

  /** Takes one circuit's news, which begin with its number and status. Any further text is of no concern. */
  update(line: string): void {
    const [id = '', status = ''] = line.split(' ', 2);
    const state = CIRCUIT_STATES.find((name) => name.toUpperCase() === status);
    // FAILED and CLOSED are a circuit's end; tor then has it no more.
    if (state === undefined) this.#states.delete(id);
    else this.#states.set(id, state);
  }

  counts(): Record<CircuitState, number> {
    const counts: Record<CircuitState, number> = { launched: 0, guard_wait: 0, extended: 0, built: 0 };
    for (const state of this.#states.values()) counts[state]++;
    return counts;
  }
}
