import { setImmediate } from 'node:timers/promises';
import type { ManualClock } from '../test/fixtures/manual-clock.ts';

/**
 * Turns of the event loop after which everything sent on loopback has arrived and been answered. Both ends are in this
 * process, and the kernel delivers at once. A query takes 6 turns and a connection with SOCKS and TLS takes 12
 * (measured), so twice that is safe.
 */
const SETTLING_TURNS = 24;

/**
 * Advances the clock from timer to timer until `work` is done. Time stands still while the sockets work. So hours pass
 * in minutes, and CPU time does not show in any duration.
 */
export async function advanceClock<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const state = { done: false };
  const result = work.finally(() => (state.done = true));
  result.catch(() => {});
  while (!state.done) {
    for (let turn = 0; turn < SETTLING_TURNS; turn++) await setImmediate();
    clock.advance(clock.untilNextMs ?? 0);
  }
  return result;
}
