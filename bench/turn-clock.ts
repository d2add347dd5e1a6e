import { setImmediate } from 'node:timers/promises';
import type { ManualClock } from '../test/fixtures/manual-clock.ts';

/**
 * Turns of the event loop in which everything that was sent on loopback has arrived, been worked on and answered, since both ends are in this
 * process and the kernel hands over at once. A query that is answered without delay takes 6 of them, a connection with SOCKS and TLS 12 (counted); twice
 * that is safe.
 */
const SETTLING_TURNS = 24;

/**
 * Turns the clock from timer to timer until `work` is done. In between, time stands still while the sockets work: hours pass in minutes, and
 * neither what the work costs nor what else the machine does shows in any duration.
 */
export async function turnClock<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const state = { done: false };
  const result = work.finally(() => (state.done = true));
  result.catch(() => {});
  while (!state.done) {
    for (let turn = 0; turn < SETTLING_TURNS; turn++) await setImmediate();
    clock.advance(clock.untilNextMs ?? 0);
  }
  return result;
}
