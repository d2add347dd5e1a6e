import type { Socket } from 'node:net';
import type { Clock } from '../../src/lib/clock.ts';

/**
 * Joins two sockets so that each byte arrives late and in order. Arrivals are rounded to milliseconds, so that those of
 * many connections coincide and the clock takes fewer steps. When one socket closes, the other is closed at once.
 * @param delayMs the one-way delay; called for each chunk
 */
export function linkLate(clock: Clock, one: Socket, other: Socket, delayMs: () => number): void {
  passLate(clock, one, other, delayMs);
  passLate(clock, other, one, delayMs);
  one.on('close', () => other.destroy());
  other.on('close', () => one.destroy());
}

function passLate(clock: Clock, from: Socket, to: Socket, delayMs: () => number): void {
  const underWay: Buffer[] = [];
  let dueAtMs = 0;
  from.on('data', (chunk: Buffer) => {
    const now = clock.now();
    dueAtMs = Math.max(dueAtMs, Math.ceil(now + delayMs()));
    underWay.push(chunk);
    // Each timer delivers the oldest chunk, because rounding may swap two timers that are due together.
    clock.schedule(dueAtMs - now, () => {
      const oldest = underWay.shift() as Buffer;
      if (!to.destroyed) to.write(oldest);
    });
  });
}
