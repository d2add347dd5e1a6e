import process from 'node:process';
import { systemClock } from '../src/lib/clock.ts';

const PAUSE_MS = 5000;

/** To the person who waits, beside the result. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Says every few seconds how far a benchmark is. */
export function createProgress(): (done: number, queries: number) => void {
  let saidAt = systemClock.now();
  return (done, queries) => {
    if (systemClock.now() - saidAt < PAUSE_MS) return;
    saidAt = systemClock.now();
    say(`${(done * 100).toFixed(0).padStart(3)} %  ${queries} queries`);
  };
}
